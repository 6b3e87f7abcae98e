"""The cost of model calls: spend, prices."""
