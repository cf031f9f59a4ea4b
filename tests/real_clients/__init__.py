"""Real MCP clients, each in front of a server of the other era."""
