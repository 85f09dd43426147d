"""How fast is stock search beside general engines? A table, raw figures and a plot."""
