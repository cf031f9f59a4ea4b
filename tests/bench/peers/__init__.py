"""The other gateways: how each is installed, started and asked, and what it costs beside ours."""
