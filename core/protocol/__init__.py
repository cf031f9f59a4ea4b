"""MCP on the wire: envelopes, framing, versions and error codes; both sides use it."""
