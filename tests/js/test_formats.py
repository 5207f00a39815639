"""What a person sees of money, dates and times is the same in browsers and in tests without one."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.js.test_modules import modules_page
from todosync.elements.formats import DATE_STYLES, FUNCTIONS, TIME_STYLES, Viewer, viewed_by

LOCALES = (
    'en-US',
    'en-GB',
    'de-DE',
    'de-AT',
    'fr-FR',
    'es-ES',
    'it-IT',
    'nl-NL',
    'pl-PL',
    'sv-SE',
    'pt-BR',
    'ja-JP',
    'xx',
)
NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
AMOUNTS = (
    None,
    0,
    1,
    -1,
    125000,
    1234567,
    '0.00',
    '-0.004',
    '0.005',
    '-12.345',
    '1.005',
    '999999999999.99',
    0.1,
    1234.5,
)
CURRENCIES = 'EUR', 'USD', 'JPY', 'SEK'
DATES = None, 'many', '2026-03-14', '2024-02-29', '1969-12-31', '2026-12-24', '9999-12-31'
TIMES = '00:00:00', '09:05:07', '12:00:00', '23:59:59', '10:30:00.500000'
INSTANTS = '2026-01-01T00:30:00.000000Z', '2026-07-01T22:15:59.999999Z', '1999-12-31T23:59:59.000000Z'
STEPS = (0, 59, 60, 3599, 3600, 7300, 86399, 86400, 90000, 2 * 86400, 13 * 86400, 14 * 86400, 59 * 86400, 60 * 86400)
FAR = 364 * 86400, 365 * 86400, 3 * 365 * 86400, 200 * 365 * 86400


def cases() -> list[tuple[str, list[Any]]]:
    seconds = [sign * step for step in (*STEPS, *FAR) for sign in (1, -1)]
    moments = [NOW + timedelta(seconds=step) for step in seconds]
    told = [f'{moment.replace(tzinfo=None).isoformat(timespec="microseconds")}Z' for moment in moments]
    return [
        *(
            ('money', [amount, currency, is_small])
            for amount, currency in itertools.product(AMOUNTS, CURRENCIES)
            for is_small in ([False, True] if isinstance(amount, int) else [False])
        ),
        *(('date_text', [value, style]) for value in (*DATES, *INSTANTS) for style in DATE_STYLES),
        *(('time_text', [value, style]) for value in (*TIMES, *INSTANTS, None) for style in TIME_STYLES),
        *(('relative', [value]) for value in (*DATES[:-1], *told, *(moment.date().isoformat() for moment in moments))),
    ]


@pytest.mark.parametrize('zone', ['UTC', 'America/New_York', 'Asia/Kolkata'])
def test_browsers_show_what_tests_without_one_see(zone: str) -> None:
    functions = {function.__name__: function for function in FUNCTIONS}
    assert {name for name, _ in cases()} == set(functions)
    with modules_page() as page:
        session = page.context.new_cdp_session(page)
        session.send('Emulation.setTimezoneOverride', {'timezoneId': zone})
        shown = page.evaluate(
            """async ([locales, cases, now]) => {
                const { viewer } = await import('/assets/streams/formats.js');
                const { expressions } = await import('/assets/streams/expressions.js');
                viewer.now = now;
                return locales.map((locale) => {
                    viewer.locale = locale;
                    return cases.map(([name, args]) => expressions[name](...args));
                });
            }""",
            [LOCALES, cases(), NOW.timestamp() * 1000],
        )
    different = []
    for locale, of_browser in zip(LOCALES, shown, strict=True):
        with viewed_by(Viewer(locale, ZoneInfo(zone), NOW)):
            for (name, args), text in zip(cases(), of_browser, strict=True):
                if (seen := functions[name](*args)) != text:
                    different.append((locale, name, args, seen, text))
    assert different == []


def test_an_exact_amount_of_any_size_is_shown_as_it_is() -> None:
    [money, *_] = FUNCTIONS
    with viewed_by(Viewer('en-US')):
        assert money(Decimal('12345678901234567890.125'), 'EUR', False) == '€12,345,678,901,234,567,890.13'
        assert money(None, 'EUR', False) == ''
