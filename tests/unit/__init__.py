"""Pure parts, exhaustively and quickly."""
