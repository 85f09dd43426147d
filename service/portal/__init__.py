"""What browsers get: pages and the static files that they are made with."""
