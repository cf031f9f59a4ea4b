"""The protocol's pure parts: frames, envelopes, versions, and a request in flight."""
