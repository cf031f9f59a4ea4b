"""What the core counts and logs; how it is exported is decided elsewhere."""
