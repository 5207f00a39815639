"""The operations of expressions over a row, by the names and with the results that they have in browsers.

The same functions stand in ``assets/streams/expressions.js``; ``tests/js/test_expressions.py`` compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def add(a: Any, b: Any) -> Any:
    """Add numbers, or put texts together."""
    if isinstance(a, str) or isinstance(b, str):
        return text(a) + text(b)
    return None if a is None or b is None else a + b


def subtract(a: Any, b: Any) -> Any:
    """Subtract numbers."""
    return None if a is None or b is None else a - b


def multiply(a: Any, b: Any) -> Any:
    """Multiply numbers."""
    return None if a is None or b is None else a * b


def divide(a: Any, b: Any) -> Any:
    """Divide numbers; what is divided by nothing has no value."""
    return None if a is None or not b else a / b


def equal(a: Any, b: Any) -> bool:
    """Return whether two values are the same; true is not 1."""
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def less(a: Any, b: Any) -> bool:
    """Return whether a value comes before another; texts by their code points."""
    return a is not None and b is not None and isinstance(a, str) == isinstance(b, str) and bool(a < b)


def is_true(value: Any) -> bool:
    """Return whether a value counts as true: all but nothing, false, zero and an empty text."""
    return value is not None and not (isinstance(value, (bool, int, float, str)) and not value)


def both(a: Any, b: Any) -> bool:
    """Return whether both are true."""
    return is_true(a) and is_true(b)


def either(a: Any, b: Any) -> bool:
    """Return whether one is true, or both."""
    return is_true(a) or is_true(b)


def no(value: Any) -> bool:
    """Return whether it is not true."""
    return not is_true(value)


def choose(condition: Any, value: Any, otherwise: Any) -> Any:
    """Return the first value if the condition is true, else the second."""
    return value if is_true(condition) else otherwise


def look_up(value: Any, values: Mapping[str, Any], default: Any) -> Any:
    """Return what stands for a value; nothing stands for one that is missing."""
    return default if value is None else values.get(text(value), default)


def contains(value: Any, part: Any) -> bool:
    """Return whether a text has another one in it."""
    return text(part).lower() in text(value).lower()


def text(value: Any) -> str:
    """Return a value as a text, as JavaScript does."""
    if value is None:
        return ''
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


FUNCTIONS: Iterable[Callable[..., Any]] = (
    *(add, subtract, multiply, divide, equal, less, is_true, both, either, no, choose, look_up, contains, text),
)
