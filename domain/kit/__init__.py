"""What every record type needs: declaration, storage, rights, history, lists, commands; imports libraries only."""
