"""The import: parsers against oracles and hostile input, mappings against real files."""
