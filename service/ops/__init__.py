"""Running it: the embedded database, migrations, processes, deadlines and backups."""
