"""Tests of running it: server, migrations, processes, deadlines and backups."""
