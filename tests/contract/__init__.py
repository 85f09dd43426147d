"""Contract tests: what holds for every route, record type and role, generated from the route table."""
