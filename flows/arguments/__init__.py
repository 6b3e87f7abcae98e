"""Which arguments each command takes, by topic; `flows.cli` puts them together; imports nothing heavy."""
