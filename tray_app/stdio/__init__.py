"""The bridge for clients that only know stdio: MCP on stdin and stdout, forwarded to the engine."""
