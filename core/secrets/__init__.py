"""Secrets that are kept in the desktop's keyring instead of in files."""
