"""Data: what the user wants, what is, and what can be asked for. No behaviour, no I/O."""
