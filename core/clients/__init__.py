"""The config files of AI clients: taking servers from them, and adding ourselves to them."""
