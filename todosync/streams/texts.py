"""Texts that are made of totals, as data, so that Python and the browser make the same ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from .totals import Amount

PLACE = re.compile(r'\{([^{}]+)\}')
TERM = re.compile(r'\s*([+-]?)\s*([^\W\d]\w*)\s*')


@dataclass(frozen=True)
class Plural:
    """A text that depends on a number: each form is a text with places for totals.

    :param number: names of totals with ``+`` and ``-`` between them
    :param other: the text
    :param one: the text where the number is 1
    :param zero: the text where the number is 0
    """

    number: str
    other: str
    one: str
    zero: str


Text = str | Plural
Texts = Mapping[str, Text] | Callable[[Mapping[str, Amount]], Mapping[str, str]]


def plural(number: str, *, other: str, one: str = '', zero: str = '') -> Plural:
    """Return a text that has other words for one than for many.

    :param number: the number that decides: the name of a total, or several with ``+`` and ``-`` between them
    :param other: the text; ``{name}`` or ``{name - name}`` in it is the place of a number
    :param one: the text where the number is 1 (default: the same)
    :param zero: the text where the number is 0 (default: the same)

    Example::

        texts={'left': plural('all - done', one='1 note left', other='{all - done} notes left')}
    """
    return Plural(number, other, one or other, zero or other)


def shown_texts(texts: Texts, totals: Mapping[str, Amount]) -> Mapping[str, str]:
    """Return the texts that are made of totals.

    :param texts: texts with places for totals, by name; or a function that makes them
    :param totals: the totals, by name
    """
    if callable(texts):
        return texts(totals)
    return {name: _shown(text, totals) for name, text in texts.items()}


def told_texts(texts: Texts) -> dict[str, Any]:
    """Return what a browser needs to make the texts, in JSON values. It cannot make those of a function."""
    if callable(texts):
        return {}
    return {name: asdict(text) if isinstance(text, Plural) else text for name, text in texts.items()}


def as_text(amount: Amount) -> str:
    """Return a total as messages and texts have it if it is no whole number: without an exponent."""
    return f'{amount:f}' if isinstance(amount, Decimal) else str(amount)


def names_in(text: Text) -> Iterator[str]:
    """Yield the names of the totals that a text is made of. Whatever else stands in such a place is yielded, too."""
    forms = [text.other, text.one, text.zero, f'{{{text.number}}}'] if isinstance(text, Plural) else [text]
    for expression in PLACE.findall(' '.join(forms)):
        yield from (name for _, name in TERM.findall(expression))
        if wrong := TERM.sub('', expression):
            yield wrong


def _shown(text: Text, totals: Mapping[str, Amount]) -> str:
    if isinstance(text, Plural):
        number = _amount(text.number, totals)
        text = text.zero if number == 0 else text.one if number == 1 else text.other
    return PLACE.sub(lambda place: as_text(_amount(place[1], totals)), text)


def _amount(expression: str, totals: Mapping[str, Amount]) -> Amount:
    return sum(-totals[name] if sign == '-' else totals[name] for sign, name in TERM.findall(expression))
