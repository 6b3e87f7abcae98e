"""The stream flow's working parts."""
