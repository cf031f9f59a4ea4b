"""Log levels in the order of RFC 5424."""

from __future__ import annotations

import itertools
import json

from core.protocol.severity import LEVELS, rank, reaches


def test_a_message_reaches_whoever_wants_it_or_less() -> None:
    """For every pair of levels; what has no level we know is not ours to drop."""
    for (said, is_at), (wanted, from_here) in itertools.product(enumerate(LEVELS), repeat=2):
        params = json.dumps({"level": is_at}).encode()
        assert reaches(params, from_here) is (said >= wanted)
    assert reaches(b"[]", "emergency")
    assert rank("loud") < rank("debug")
