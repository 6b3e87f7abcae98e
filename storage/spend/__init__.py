"""Money: dated prices, budgets, holds before a call and their settlement after it, roll-ups."""
