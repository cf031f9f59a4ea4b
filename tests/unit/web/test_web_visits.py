"""Codes that open the dashboard once, and how long a visit lasts; the clock is a number."""

from __future__ import annotations

from itertools import count

from core.web.visits import CODE_LIFE, MOST_CODES, MOST_VISITS, VISIT_LIFE, Begun, Visits

KEY = "the key"


class Desk:
    """Visits at a time that a test sets, with secrets that it can name."""

    def __init__(self) -> None:
        self.time = 0.0
        numbers = count(1)
        self.visits = Visits(lambda: self.time, lambda: f"secret-{next(numbers)}")

    def begin(self, code: str, comer: int | None = None) -> Begun | None:
        return self.visits.begin(code, comer, KEY)

    def let_in(self) -> Begun:
        begun = self.begin(self.visits.code(None))
        assert begun is not None
        return begun

    def holds(self, begun: Begun, *cookies: str, key: str = KEY) -> bool:
        brought = [each.encode() for each in cookies or (begun.cookie,)]
        return self.visits.holds(begun.proof.encode(), brought, key.encode())


def test_secrets_are_long_and_each_is_another() -> None:
    """256 bits, by the system's own source of chance."""
    visits = Visits()
    codes = {visits.code(None) for _ in range(10)}
    assert len(codes) == 10
    assert all(len(code) >= 43 for code in codes)


def test_a_code_opens_once() -> None:
    """The second time it is refused, as is what never was a code."""
    desk = Desk()
    code = desk.visits.code(None)
    begun = desk.begin(code)
    assert begun is not None
    assert desk.holds(begun)
    assert begun.cookie != begun.proof
    assert desk.begin(code) is None
    assert desk.begin("") is None
    assert desk.begin(begun.proof) is None


def test_a_code_is_good_for_a_minute() -> None:
    """Up to the end of its life, and not after; then it is gone for good."""
    desk = Desk()
    in_time, late = desk.visits.code(None), desk.visits.code(None)
    desk.time = CODE_LIFE
    assert desk.begin(in_time) is not None
    desk.time += 0.001
    assert desk.begin(late) is None
    desk.time = 0.0
    assert desk.begin(late) is None


def test_a_code_is_for_the_user_who_asked() -> None:
    """Another user, who saw it in the list of processes, is refused and does not spoil it."""
    desk = Desk()
    code = desk.visits.code(1000)
    assert desk.begin(code, 1001) is None
    assert desk.begin(code, 0) is None
    assert desk.begin(code, 1000) is not None


def test_where_nobody_can_tell_the_user_the_code_alone_counts() -> None:
    """Other systems, and engines in containers, do not say who is at the other end."""
    desk = Desk()
    assert desk.begin(desk.visits.code(None), 1001) is not None
    assert desk.begin(desk.visits.code(1000), None) is not None


def test_a_visit_ends_with_its_time_its_key_or_when_it_is_left() -> None:
    """Nothing holds for ever, and a changed key counts at once."""
    desk = Desk()
    begun, left = desk.let_in(), desk.let_in()
    assert not desk.holds(begun, key="another")
    desk.visits.end(left.proof)
    assert not desk.holds(left)
    desk.time = VISIT_LIFE
    assert desk.holds(begun)
    desk.time += 0.001
    assert not desk.holds(begun)


def test_the_halves_of_two_visits_do_not_fit() -> None:
    """A cookie that somebody planted does not go with the proof that the page has."""
    desk = Desk()
    one, two = desk.let_in(), desk.let_in()
    assert not desk.holds(one, two.cookie)
    assert desk.holds(one, two.cookie, one.cookie)


def test_codes_and_visits_are_bounded() -> None:
    """The newest stay, the oldest go."""
    desk = Desk()
    codes = [desk.visits.code(None) for _ in range(MOST_CODES + 1)]
    assert desk.begin(codes[0]) is None
    assert desk.begin(codes[1]) is not None
    visits = [desk.let_in() for _ in range(MOST_VISITS + 1)]
    assert not desk.holds(visits[0])
    assert all(map(desk.holds, visits[1:]))


def test_no_secret_is_kept() -> None:
    """Only digests are in memory, so that what shows memory lets nobody in."""
    desk = Desk()
    begun = desk.let_in()
    code = desk.visits.code(None)
    kept = repr((desk.visits._codes, desk.visits._visits))
    assert not any(secret in kept for secret in (begun.cookie, begun.proof, code))
