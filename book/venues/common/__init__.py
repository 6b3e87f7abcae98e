"""What the decoders of all venues share."""
