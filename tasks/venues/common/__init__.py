"""What every venue's adapter offers, and the values it is made of."""
