"""How values are shown to a person, in their language: in browsers by ``Intl``, and for tests without one by Babel.

The same functions stand in ``assets/streams/formats.js``; ``tests/js/test_formats.py`` compares them.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from types import ModuleType
from typing import Any

from nicegui import Client

from todosync.clock import clock
from todosync.package import extra

from .operations import EXACT, decimal

DATE_STYLES = 'short', 'medium', 'long', 'full'
TIME_STYLES = 'short', 'medium'
UNITS = ('day', 14, 1), ('week', 60, 7), ('month', 365, 30), ('year', 10**9, 365)
"""Up to how many days a unit is told, and how many it has."""
BESIDE_LETTERS = re.compile(r'(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])')
LANGUAGE = 'en-US'


@dataclass(frozen=True)
class Viewer:
    """Who looks at a page without a browser.

    :param language: the language, as ``Accept-Language`` names it
    :param zone: the time zone
    :param now: the time (default: that of the clock)
    """

    language: str = LANGUAGE
    zone: tzinfo = UTC
    now: datetime | None = None

    @property
    def locale(self) -> Any:
        """The locale of Babel; that of the default language if there is none of this."""
        core = _babel('core')
        try:
            return core.Locale.parse(self.language, sep='-')
        except (ValueError, core.UnknownLocaleError):
            return core.Locale.parse(LANGUAGE, sep='-')


_viewer: ContextVar[Viewer] = ContextVar('viewer')


@contextmanager
def viewed_by(viewer: Viewer) -> Iterator[None]:
    """Have values shown as a person sees them, within the block.

    :param viewer: the person
    """
    token = _viewer.set(viewer)
    try:
        yield
    finally:
        _viewer.reset(token)


def _current() -> Viewer:
    return _viewer.get(Viewer())


def viewer_of(client: Client) -> Viewer:
    """Return who looks at a page: by the first language that its request accepts.

    :param client: the page
    """
    first = client.request.headers.get('accept-language', '').split(',')[0].split(';')[0].strip()
    return Viewer(LANGUAGE if first in {'', '*'} else first)


def known_currency(currency: str) -> str:
    """Return a currency.

    :param currency: its three letters
    :raises ValueError: these are not three letters
    """
    if not (isinstance(currency, str) and len(currency) == len('EUR') and currency.isascii() and currency.isalpha()):
        raise ValueError(f"{currency!r} is no currency; give its three letters, such as 'EUR'")
    return currency.upper()


def known_style(style: str, styles: tuple[str, ...]) -> str:
    """Return a style.

    :param style: its name
    :param styles: the names that there are
    :raises ValueError: there is no such style
    """
    if style not in styles:
        raise ValueError(f'there is no style {style!r}; there are {", ".join(map(repr, styles))}')
    return style


def money(value: Any, currency: str, is_small: bool) -> str:
    """Return an amount of money, which may be in the smallest unit, such as cents."""
    amount = decimal(value)
    if amount is None:
        return ''
    numbers = _babel('numbers')
    digits = numbers.get_currency_precision(currency)
    amount = amount.scaleb(-digits, EXACT) if is_small else amount
    rounded = amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, EXACT)
    locale = _current().locale
    shown = str(numbers.format_currency(rounded if rounded else abs(rounded), currency, locale=locale))
    # Babel knows neither the space beside a currency of letters, nor the minus sign of a locale
    shown = BESIDE_LETTERS.sub('\u00a0', shown)
    return shown.replace('-', numbers.get_minus_sign_symbol(locale), 1) if rounded < 0 else shown


def date_text(value: Any, style: str) -> str:
    """Return a date, of a time too."""
    at = _instant(value)
    return '' if at is None else str(_babel('dates').format_date(at.date(), style, locale=_current().locale))


def time_text(value: Any, style: str) -> str:
    """Return a time of day."""
    at = _instant(value)
    if at is None:
        return ''
    shown = _babel('dates').format_time(at.time(), style, locale=_current().locale)
    return str(shown).replace('\u202f', ' ')  # browsers do not agree on the width of the space before "PM"


def relative(value: Any) -> str:
    """Return how long ago something was, or how long it takes until then."""
    at, viewer = _instant(value), _current()
    if at is None:
        return ''
    now = (viewer.now or clock.now()).astimezone(viewer.zone)
    minutes = 0 if at.tzinfo is None else int((at - now).total_seconds() / 60)
    if at.tzinfo is None or abs(minutes) >= 24 * 60:
        days = (at.date() - now.date()).days
        unit, _, size = next(found for found in UNITS if abs(days) < found[1])
        return _told(int(days / size), unit)
    if minutes == 0:
        return _told(0, 'second')
    return _told(minutes, 'minute') if abs(minutes) < 60 else _told(int(minutes / 60), 'hour')


def _told(number: int, unit: str) -> str:
    locale = _current().locale
    fields = locale._data['date_fields'][unit]  # noqa: SLF001 - no function of Babel tells "tomorrow"
    relative_texts = fields.get('relative', {})
    if number in relative_texts:
        return str(relative_texts[number])
    forms = fields['past' if number < 0 else 'future']
    form = forms.get(locale.plural_form(abs(number)), forms.get('other'))
    return str(form).replace('{0}', _babel('numbers').format_decimal(abs(number), locale=locale))


def _instant(value: Any) -> datetime | None:
    """Return a date, a time of day, which have no time zone, or a time, in that of the person; ``None`` of others."""
    try:
        if len(value) == len('2026-01-02'):
            return datetime.combine(date.fromisoformat(value), time())
        if value[2:3] == ':':
            return datetime.combine(date(1970, 1, 1), time.fromisoformat(value))
        return datetime.fromisoformat(value).astimezone(_current().zone)
    except (TypeError, ValueError):
        return None


def _babel(name: str) -> ModuleType:
    with extra('test', 'What a person sees of money, dates and times, without a browser,'):
        return importlib.import_module(f'babel.{name}')


FUNCTIONS: tuple[Callable[..., str], ...] = money, date_text, time_text, relative
