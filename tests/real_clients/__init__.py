"""Real MCP clients, each through us in front of a server of the other era."""
