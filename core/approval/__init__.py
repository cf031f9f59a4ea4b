"""Deciding what an AI model may see of a server: pure, over what it lists and what was agreed."""
