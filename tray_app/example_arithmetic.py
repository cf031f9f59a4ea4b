"""Arithmetic for the example server: the value of an expression, parsed but never executed."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable

MAX_EXPRESSION = 500  # characters; keeps parsing and recursion short
MAX_BITS = 1024  # of an integer: the magnitude a float reaches
MAX_FACTORIAL = 170  # the last that a float can hold

Number = int | float


class ExpressionError(Exception):
    """The text is no arithmetic expression or has no value; says what to write instead."""


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int):
        if exponent > 0 and abs(base) > 1 and base.bit_length() * exponent > 2 * MAX_BITS:
            raise OverflowError
    elif base < 0 and not float(exponent).is_integer():
        raise ValueError("a negative number has no real root here")
    result: Number = base**exponent
    return result


def _round(value: Number, digits: Number = 0) -> Number:
    if not isinstance(digits, int) or abs(digits) > 15:  # round(1, -10**9) would take for ever
        raise ValueError("digits must be a whole number from -15 to 15")
    return round(value, digits) if digits else round(value)


def _factorial(value: Number) -> Number:
    if not isinstance(value, int) or value > MAX_FACTORIAL:
        raise ValueError(f"factorial takes a whole number up to {MAX_FACTORIAL}")
    return math.factorial(value)


CONSTANTS: dict[str, Number] = {"pi": math.pi, "e": math.e, "tau": math.tau}
FUNCTIONS: dict[str, Callable[..., Number]] = {
    "abs": abs,
    "ceil": math.ceil,
    "cos": math.cos,
    "degrees": math.degrees,
    "exp": math.exp,
    "factorial": _factorial,
    "floor": math.floor,
    "gcd": math.gcd,
    "hypot": math.hypot,
    "log": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "max": max,
    "min": min,
    "radians": math.radians,
    "round": _round,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}
OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: _power,
}


def evaluate(expression: str) -> Number:
    """The value of an arithmetic expression; nothing but arithmetic can be expressed.

    The text is parsed, never executed. Raises ExpressionError, in bounded time, for anything else.
    """
    if len(expression) > MAX_EXPRESSION:
        raise ExpressionError(
            f"The expression is longer than {MAX_EXPRESSION} characters. Split it."
        )

    def value(node: ast.expr) -> Number:
        result = _value(node)
        if isinstance(result, int) and result.bit_length() > MAX_BITS:
            raise OverflowError
        if not math.isfinite(result):
            raise OverflowError
        return result

    def _value(node: ast.expr) -> Number:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return number
            case ast.Name(id=name) if name in CONSTANTS:
                return CONSTANTS[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return value(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return OPERATORS[type(op)](value(left), value(right))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
                return FUNCTIONS[name](*[value(arg) for arg in args])
        raise ExpressionError(
            f"{ast.unparse(node)!r} is not arithmetic this tool knows. It knows numbers, "
            f"+ - * / // % **, brackets, {', '.join(CONSTANTS)} and {', '.join(FUNCTIONS)}."
        )

    try:
        return value(ast.parse(expression.strip(), mode="eval").body)
    except SyntaxError as error:
        raise ExpressionError(
            f"The expression cannot be read: {error.msg}. Write it like (2 + 3) * sqrt(16)."
        ) from None
    except ZeroDivisionError:
        raise ExpressionError("The expression divides by zero.") from None
    except OverflowError:
        raise ExpressionError(
            "A value in the expression is too large (beyond about 1e308)."
        ) from None
    except (ArithmeticError, ValueError, TypeError) as error:
        raise ExpressionError(f"The expression has no value: {error}.") from None
    except (RecursionError, MemoryError):
        raise ExpressionError("The expression is nested too deeply. Split it.") from None
