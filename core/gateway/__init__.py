"""The driving side of AI clients: one endpoint in front of all servers."""
