"""Servers that others have published: asked for over HTTP, and put into our words."""
