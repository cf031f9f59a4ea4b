"""The engine of MCP Proxy Tray: supervises MCP servers and offers them to AI clients."""
