"""The operations of expressions over a row, by the names and with the results that they have in browsers.

The same functions stand in ``assets/streams/expressions.js``; ``tests/js/test_expressions.py`` compares them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Any

EXACT = Context(prec=1000)
"""No operation of a row has results with more digits."""


def add(a: Any, b: Any) -> Any:
    """Add numbers, or put texts together."""
    if isinstance(a, str) or isinstance(b, str):
        return text(a) + text(b)
    return _computed(EXACT.add, lambda a, b: a + b, a, b)


def subtract(a: Any, b: Any) -> Any:
    """Subtract numbers."""
    return _computed(EXACT.subtract, lambda a, b: a - b, a, b)


def multiply(a: Any, b: Any) -> Any:
    """Multiply numbers."""
    return _computed(EXACT.multiply, lambda a, b: a * b, a, b)


def divide(a: Any, b: Any) -> Any:
    """Divide numbers; what is divided by nothing has no value. The result is no decimal."""
    return None if a is None or not b else float(a) / float(b)


def equal(a: Any, b: Any) -> bool:
    """Return whether two values are the same; true is not 1."""
    if isinstance(a, bool) != isinstance(b, bool) or isinstance(a, str) != isinstance(b, str):
        return False
    return bool(_computed(lambda a, b: a == b, lambda a, b: a == b, a, b)) if None not in (a, b) else a is b


def less(a: Any, b: Any) -> bool:
    """Return whether a value comes before another; texts by their code points."""
    if a is None or b is None or isinstance(a, str) != isinstance(b, str):
        return False
    return bool(_computed(lambda a, b: a < b, lambda a, b: a < b, a, b))


def is_true(value: Any) -> bool:
    """Return whether a value counts as true: all but nothing, false, zero and an empty text."""
    return value is not None and not (isinstance(value, (bool, int, float, str, Decimal)) and not value)


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
    if isinstance(value, Decimal):
        return f'{value if value else abs(value):f}'
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(',', ':'))
    return str(value)


def decimal(value: Any) -> Decimal | None:
    """Return a field of decimals as something to compute with."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    is_whole = not isinstance(value, str) and found == found.to_integral_value()
    return found.quantize(Decimal(1), context=EXACT) if is_whole or int(found.as_tuple().exponent) > 0 else found


def plain(value: Any) -> Any:
    """Return a value as rows hold it."""
    return text(value) if isinstance(value, Decimal) else value


def fixed(typed: Any, scale: int) -> Any:
    """Return a decimal as rows hold it, of what a person has typed; what is none is for the server to refuse."""
    found = decimal(typed)
    if typed in (None, '') or found is None:
        return typed or None
    return text(found if -int(found.as_tuple().exponent) >= scale else found.quantize(Decimal(1).scaleb(-scale)))


def _computed(exactly: Callable[[Any, Any], Any], compute: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """Return what is made of two numbers, exactly where one of them is a decimal; nothing where one is missing."""
    if a is None or b is None:
        return None
    if not (isinstance(a, Decimal) or isinstance(b, Decimal)):
        return compute(a, b)
    one, other = decimal(a), decimal(b)
    return None if one is None or other is None else exactly(one, other)


FUNCTIONS: Iterable[Callable[..., Any]] = (
    *(add, subtract, multiply, divide, equal, less, is_true, both, either, no, choose, look_up, contains, text),
    *(decimal, plain, fixed),
)
