"""Start, stop and replace streams: demo, up, down, stream, stop, handover."""
