"""The config file: what it may say, how it is read and edited, and when it changed."""
