"""The worker: takes jobs, delivers messages and webhooks, and does what comes back by the clock."""
