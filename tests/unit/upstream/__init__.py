"""The pure parts of the upstream side."""
