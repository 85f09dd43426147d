"""The peers, one a module; each is imported only where it runs."""
