"""Who calls: passwords, tokens, sessions, keys, and the principal they lead to."""
