"""Every timing of this house: `python -m bench` prints them as one table."""
