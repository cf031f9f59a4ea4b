"""Subscriptions to resources: one of each at the server, however many clients follow it."""

from __future__ import annotations

from core.gateway.clients import Client
from core.gateway.interests import Interests
from tests.fakes.connector import FakeSession


class Told(FakeSession):
    """A conversation that remembers what it was told to follow."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def subscribe(self, uri: str) -> None:
        self.told.append(f"+{uri}")

    def unsubscribe(self, uri: str) -> None:
        self.told.append(f"-{uri}")


def client() -> Client:
    return Client("s/one", "2025-11-25")


def test_the_server_hears_of_the_first_and_of_the_last() -> None:
    """Those between change nothing for it; following twice is following once."""
    session = Told()
    interests = Interests({"one": session}.get)
    first, second = client(), client()
    for _ in range(2):
        interests.add(first, "one", "a:b")
        interests.add(second, "one", "a:b")
    assert session.told == ["+a:b"]
    assert interests.followers("one", "a:b") == {first, second}
    assert interests.remove(first, "one", "a:b") is False
    assert interests.remove(first, "one", "a:b") is False
    assert interests.remove(second, "one", "a:b") is True
    assert interests.followers("one", "a:b") == set()


def test_a_client_that_leaves_follows_nothing() -> None:
    """What only it followed is given up at each server, what others follow is not."""
    one, two = Told(), Told()
    interests = Interests({"one": one, "two": two}.get)
    leaving, staying = client(), client()
    interests.add(leaving, "one", "a:")
    interests.add(leaving, "two", "a:")
    interests.add(staying, "two", "a:")
    interests.left(leaving)
    interests.left(leaving)
    assert one.told == ["+a:", "-a:"]
    assert two.told == ["+a:"]


def test_a_new_conversation_is_told_everything_again() -> None:
    """And a server that is not there now is told when it comes."""
    interests = Interests(lambda _: None)
    interests.add(client(), "one", "a:")
    interests.add(client(), "one", "b:", ask=False)
    session = Told()
    interests.renew("one", session)
    assert session.told == ["+a:", "+b:"]
