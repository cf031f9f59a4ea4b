"""The official conformance suite, run against the reference server and through us.

``python -m tests.conformance`` runs all of it and writes ``docs/conformance.md``.
"""
