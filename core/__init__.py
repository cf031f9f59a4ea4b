"""The engine of MCP Proxy Tray: supervises MCP servers and offers them to AI clients."""

__version__ = "0.1.0"
