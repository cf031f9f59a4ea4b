"""The whole program with real processes, sockets and files."""
