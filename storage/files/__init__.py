"""Files that several processes share: locks, and small texts that are whole or not there."""
