"""The driving side for people and scripts: HTTP, REST, events and metrics."""
