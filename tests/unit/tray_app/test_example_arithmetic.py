"""The example server's calculator: right where Python is right, and never anything but sums."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tray_app.example_arithmetic import MAX_EXPRESSION, ExpressionError, evaluate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("  (1 + 2) * 3\n", 9),
        ("-2 ** 2", -4),
        ("7 // 2 + 7 % 2 + +1", 5),
        ("1 / 4", 0.25),
        ("2 ** 0.5", math.sqrt(2)),
        ("2 ** -1", 0.5),
        ("1 ** 10 ** 300", 1),
        ("(-8) ** 3.0", -512.0),
        ("sqrt(16) + abs(-1)", 5.0),
        ("max(1, 2, 3) - min(4, 5)", -1),
        ("round(pi, 4)", 3.1416),
        ("round(2.5)", 2),
        ("factorial(20)", 2432902008176640000),
        ("hypot(3, 4) * tau / tau", 5.0),
    ],
)
def test_values(expression: str, value: float) -> None:
    """Ordinary sums have the value that Python gives them."""
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "cannot be read"),
        ("1 +", "cannot be read"),
        ("1\x00", "has no value|cannot be read"),
        ("1 / 0", "divides by zero"),
        ("2 ** 5000", "too large"),
        ("10 ** 10 ** 10", "too large"),
        ("9" * 400, "too large"),
        ("1e400", "too large"),
        ("1e308 * 10", "too large"),
        ("exp(1000)", "too large"),
        ("(-8) ** 0.5", "no real root"),
        ("sqrt(-1)", "has no value"),
        ("sqrt(1, 2)", "has no value"),
        ("factorial(171)", "up to 170"),
        ("factorial(1.5)", "up to 170"),
        ("round(1, -1000000000)", "digits"),
        ("__import__('os').system('true')", "not arithmetic"),
        ("().__class__", "not arithmetic"),
        ("True", "not arithmetic"),
        ("'a' * 9", "not arithmetic"),
        ("[1] * 9", "not arithmetic"),
        ("1j", "not arithmetic"),
        ("lambda: 1", "not arithmetic"),
        ("unknown + 1", "not arithmetic"),
        ("pow(2, 9)", "not arithmetic"),
        ("round(number=1)", "not arithmetic"),
        ("max(*[1, 2])", "not arithmetic"),
        ("1 if 1 else 2", "not arithmetic"),
        ("1 << 9", "not arithmetic"),
        ("~1", "not arithmetic"),
        ("1 +" * 200 + "1", "longer than"),
        ("(" * 220 + "1" + ")" * 220, "cannot be read|nested"),
    ],
)
def test_refusals(expression: str, reason: str) -> None:
    """What is no sum, or has no value, is refused in a sentence that says why."""
    with pytest.raises(ExpressionError, match=reason):
        evaluate(expression)


def _render(tree: object) -> str:
    if isinstance(tree, tuple):
        left, operator, right = tree
        return f"({_render(left)} {operator} {_render(right)})"
    return repr(tree)


SUMS = st.recursive(
    st.integers(0, 10**6) | st.floats(0, 1e6).map(lambda number: round(number, 3)),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner),
    max_leaves=12,
)


@given(SUMS)
def test_agrees_with_python(tree: object) -> None:
    """Any tree of numbers and operators has Python's value, or none because Python has none."""
    expression = _render(tree)
    try:
        wanted = eval(expression, {"__builtins__": {}})
    except (ZeroDivisionError, OverflowError):
        wanted = None
    if wanted is None or len(expression) > MAX_EXPRESSION:
        with pytest.raises(ExpressionError):
            evaluate(expression)
    else:
        assert evaluate(expression) == wanted


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from([*"0123456789.()+-*/%,e ", "**", "//", "pi", "factorial(", "round("]),
        max_size=40,
    ).map("".join)
)
def test_total(text: str) -> None:
    """Any text ends in a finite number or a refusal, never in another exception."""
    try:
        value = evaluate(text)
    except ExpressionError:
        return
    assert math.isfinite(value)
