"""Search: words, ranking and the catalogue."""
