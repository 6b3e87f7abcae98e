"""The compiled kernels: scan a frame, apply it to the ladder, write its row."""
