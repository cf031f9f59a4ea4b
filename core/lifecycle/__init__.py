"""Decisions about servers. Pure: no clock, no randomness, no I/O, no logging."""
