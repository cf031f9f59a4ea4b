"""The engine with a clock and peers that the test drives."""
