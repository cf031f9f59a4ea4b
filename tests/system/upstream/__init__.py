"""Real child processes under the real connector, on both event loops."""
