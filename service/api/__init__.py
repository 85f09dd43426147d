"""The HTTP API: routes declared once, bodies decoded strictly, refusals told as problems."""
