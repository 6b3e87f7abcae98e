"""What all parts of the built-in venue share: streams, faults, ledger, truth."""
