"""A server that does all that MCP has, in both eras: what the official suite calls, and more.

It is written with the official SDK, so what it puts on the wire is right by another's judgement
than ours. ``python -m tests.fakes.reference_server stdio`` or ``… http``.
"""
