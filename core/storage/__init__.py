"""What is kept across restarts, in one SQLite file that only one thread touches."""
