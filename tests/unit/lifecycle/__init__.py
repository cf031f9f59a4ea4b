"""The decisions about one server, tried everywhere they can be reached."""
