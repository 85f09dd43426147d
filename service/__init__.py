"""The running service: HTTP edge, authentication, portal, jobs and operations; the only place where all rooms meet."""
