"""What all commands share: how one is declared, flags, the database to read, times."""
