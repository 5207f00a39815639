"""Expressions over the fields of a row: written once in Python, computed by the browser for each row.

An expression holds JavaScript for the browser and a function for tests without one. Both give the same value for every
row: each operation is a function in ``operations.py`` and, with the same name, in ``assets/streams/expressions.js``.

The module is long because it is the one place for what can be said about a value of a row, with an example of each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from sqlalchemy import Integer

from todosync.streams import Row, carried, plain_type
from todosync.views import View

from . import formats, operations

RUNTIME = 'todosync.expressions'
OF_WHOLE = operations.add, operations.subtract, operations.multiply
"""The operations that make whole numbers of whole numbers."""


class Expression:
    """A value that is computed for each row, in the browser.

    Made from the fields of a row by ``+ - * /``, comparisons, ``& | ~`` and the methods below. What has no value
    (``None``) stays so in arithmetic, is an empty text in a text, and is neither less nor greater than anything.

    :param javascript: the expression for the browser, in which ``props.row`` is the row
    :param evaluate: takes a row and returns the same value
    :param is_whole: whether it is a whole number in each row, such as a number of cents

    Example::

        with LiveList(view, row_height=40) as row:
            bind_text(ui.label(), row.count + ' x ' + row.name)
    """

    __hash__ = None  # type: ignore[assignment]  # `==` makes an expression, so it cannot tell whether two are equal

    def __init__(self, javascript: str, evaluate: Callable[[Row], Any], *, is_whole: bool = False) -> None:
        self.javascript = javascript
        self.evaluate = evaluate
        self.is_whole = is_whole

    def __add__(self, other: Any) -> Expression:
        return _apply(operations.add, self, other)

    def __radd__(self, other: Any) -> Expression:
        return _apply(operations.add, other, self)

    def __sub__(self, other: Any) -> Expression:
        return _apply(operations.subtract, self, other)

    def __rsub__(self, other: Any) -> Expression:
        return _apply(operations.subtract, other, self)

    def __mul__(self, other: Any) -> Expression:
        return _apply(operations.multiply, self, other)

    def __rmul__(self, other: Any) -> Expression:
        return _apply(operations.multiply, other, self)

    def __truediv__(self, other: Any) -> Expression:
        return _apply(operations.divide, self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return _apply(operations.divide, other, self)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return _apply(operations.equal, self, self._like(other))

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return ~(self == other)

    def __lt__(self, other: Any) -> Expression:
        return _apply(operations.less, self, self._like(other))

    def __gt__(self, other: Any) -> Expression:
        return _apply(operations.less, self._like(other), self)

    def __le__(self, other: Any) -> Expression:
        return _apply(operations.either, self < other, self == other)

    def __ge__(self, other: Any) -> Expression:
        return _apply(operations.either, self > other, self == other)

    def __and__(self, other: Any) -> Expression:
        return _apply(operations.both, self, other)

    def __rand__(self, other: Any) -> Expression:
        return _apply(operations.both, other, self)

    def __or__(self, other: Any) -> Expression:
        return _apply(operations.either, self, other)

    def __ror__(self, other: Any) -> Expression:
        return _apply(operations.either, other, self)

    def __invert__(self) -> Expression:
        return _apply(operations.no, self)

    def _like(self, other: Any) -> Any:
        """Return what this is compared with, as it is compared."""
        return other

    def __bool__(self) -> NoReturn:
        raise TypeError(
            'an expression of a row has no value in Python, since it has one for each row in the browser; '
            'use & | ~ instead of `and`, `or`, `not`, .then(a, b) instead of `if`, and bind_text() and its like '
            'instead of the bindings of NiceGUI'
        )

    def __iter__(self) -> NoReturn:
        raise TypeError('an expression of a row cannot be iterated over')

    def __repr__(self) -> str:
        return 'an expression of a row'

    def __str__(self) -> NoReturn:
        raise TypeError(
            f'{self!r} has no text in Python, since it has one for each row in the browser; put texts together with +, '
            "and show them with bind_text(), as in bind_text(ui.label(), 'Due ' + row.due)"
        )

    def __format__(self, form: str) -> NoReturn:
        str(self)
        raise AssertionError

    def then(self, value: Any, otherwise: Any = None) -> Expression:
        """Return one value where this is true, and another one where it is not.

        :param value: a value or an expression
        :param otherwise: a value or an expression

        Example::

            bind_text(ui.label(), row.done.then('Bought', 'Missing'))
        """
        return _apply(operations.choose, self, value, otherwise)

    def map(self, values: Mapping[Any, Any], default: Any = None) -> Expression:
        """Return what stands for this value.

        :param values: values by the texts, numbers or members of an enum for which they stand
        :param default: what all others stand for, and a missing one: a value or an expression

        Example::

            bind_prop(ui.icon('flag'), 'color', row.status.map({'open': 'red', 'closed': 'green'}, 'grey'))
        """
        by_text = {operations.text(carried(key)): carried(value) for key, value in values.items()}
        return _apply(operations.look_up, self, by_text, default)

    def contains(self, part: Any) -> Expression:
        """Return whether this text has another one in it, whatever the case of the letters.

        :param part: a text, or an expression of one; an empty one is in every text

        Example::

            items.filter(row.name.contains('milk'))
        """
        return _apply(operations.contains, self, part)

    def money(self, currency: str) -> Expression:
        """Return this amount as a text in the language of the person who sees it, such as ``€12.50`` or ``12,50 €``.

        Whole numbers are in the smallest unit of the currency: 1250 cents. Decimals, and numbers with a fraction, are
        in the currency itself: 12.50 euros. Half of the smallest unit is rounded up.

        :param currency: the three letters of the currency
        :raises ValueError: these are not three letters

        Example::

            bind_text(ui.label(), (row.cents * row.count).money('EUR'))
            bind_text(ui.label(), row.price.money('EUR'))
        """
        return _apply(formats.money, self, formats.known_currency(currency), self.is_whole)

    def date(self, style: str = 'medium') -> Expression:
        """Return this date, or that of this time, as a text in the language of the person, in their time zone.

        :param style: ``short``, ``medium``, ``long`` or ``full``
        :raises ValueError: it is another style

        Example::

            bind_text(ui.label(), row.due.date('long'))
        """
        return _apply(formats.date_text, self, formats.known_style(style, formats.DATE_STYLES))

    def time(self, style: str = 'short') -> Expression:
        """Return this time of day as a text in the language of the person, of a time with a date in their time zone.

        :param style: ``short``, or ``medium`` with seconds
        :raises ValueError: it is another style

        Example::

            bind_text(ui.label(), row.sent_at.date() + ' ' + row.sent_at.time())
        """
        return _apply(formats.time_text, self, formats.known_style(style, formats.TIME_STYLES))

    def relative(self) -> Expression:
        """Return how far this date or time is away, as a text in the language of the person: ``tomorrow``.

        The text follows the clock. Less than a minute is ``now``.

        Example::

            bind_text(ui.label(), row.due.relative())
        """
        return _apply(formats.relative, self)


class RowField(Expression):
    """A field of a row, to be shown or, if the stream allows it to be written, to be bound both ways.

    :param view: the page's view of the stream
    :param name: the name of the field

    Example::

        bind_value(ui.checkbox(), row.done)
    """

    def __init__(self, view: View, name: str) -> None:
        found = f'props.row[{json.dumps(name)}]'
        if view.stream.scale_of(name) is None:
            is_whole = isinstance(plain_type(view.stream.table.c[name]), Integer)
            super().__init__(found, lambda row: row[name], is_whole=is_whole)
        else:
            super().__init__(f'{RUNTIME}.decimal({found})', lambda row: operations.decimal(row[name]))
        self.view = view
        self.name = name

    def __repr__(self) -> str:
        return f'row.{self.name}'

    def _like(self, other: Any) -> Any:
        """Return a decimal for the text of one, as rows hold them, where this field has decimals."""
        if not isinstance(other, str) or self.view.stream.scale_of(self.name) is None:
            return other
        try:
            return Decimal(other)
        except InvalidOperation:
            raise ValueError(
                f'{self!r} holds decimals, so it can be compared with one, and {other!r} is none'
            ) from None


def expression(value: Any) -> Expression:
    """Return a value as an expression, if it is none.

    :param value: a JSON value, what a row carries as one (a decimal, a date, a member of an enum), or an expression
    :raises TypeError: it is none of these
    """
    if isinstance(value, Expression):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        exact = operations.decimal(value)
        return Expression(f'{RUNTIME}.decimal({json.dumps(operations.text(exact))})', lambda _: exact)
    value = carried(value)
    try:
        return Expression(json.dumps(value, allow_nan=False), lambda _: value, is_whole=type(value) is int)
    except (TypeError, ValueError) as error:
        raise TypeError(f'{value!r} is no JSON value, so no browser can compute with it') from error


def _apply(function: Callable[..., Any], *values: Any) -> Expression:
    parts = [expression(value) for value in values]
    arguments = ', '.join(part.javascript for part in parts)
    numbers = parts[1:] if function is operations.choose else parts if function in OF_WHOLE else []
    return Expression(
        f'{RUNTIME}.{function.__name__}({arguments})',
        lambda row: function(*(part.evaluate(row) for part in parts)),
        is_whole=bool(numbers) and all(part.is_whole for part in numbers),
    )
