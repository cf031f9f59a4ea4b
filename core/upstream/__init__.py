"""The driven side: the MCP servers we start and talk to."""
