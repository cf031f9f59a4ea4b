"""Stand-ins for the world outside, which obey the test."""
