"""Everything that proves MCP Proxy Tray."""
