"""Faults done to the real program on purpose; what must hold after each is in ``invariants``."""
