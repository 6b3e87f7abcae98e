"""The report on a first contact: for a person, to read and to send."""
