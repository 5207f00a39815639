"""The operations of expressions give the same in Python and in browsers."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from tests.js.test_modules import modules_page
from todosync.elements.operations import FUNCTIONS, text

VALUES = (None, True, False, 0, 1, -2, 2.5, 1e6, '', 'a', 'Ä', '\U0001f600', '\uffee', '1', 'constructor')
NUMBERS = (None, 0, 1, -2, 2.5, 7, 1e6)
DECIMALS = tuple(map(Decimal, ('0.00', '-0.5', '1.50', '999999999999.99', '0.001')))
WITH_DECIMALS = (*NUMBERS, *DECIMALS, 0.1, 1e21, 1.5e-7)
STRUCTURES = ([1, 'ä'], {'a': None, 'b': [True]})
MIXED = 'add', 'equal', 'less', 'both', 'either', 'contains'
ONE = 'is_true', 'no', 'text'
OF_DECIMALS = 'add', 'subtract', 'multiply', 'divide', 'equal', 'less'
TYPED = ('', '1', '-1.5', '+.5', '1.005', '1e3', '1,5', 'many', ' 2 ', '007', '-0', '.', None)
OF_NUMBERS = 'subtract', 'multiply', 'divide'


def test_what_tests_without_a_browser_see_is_what_browsers_show() -> None:
    functions = {function.__name__: function for function in FUNCTIONS}
    cases: list[tuple[str, tuple[Any, ...]]] = [
        *((name, (value,)) for name in ONE for value in (*VALUES, *DECIMALS, *STRUCTURES)),
        *((name, (a, b)) for name in OF_DECIMALS for a in DECIMALS for b in WITH_DECIMALS),
        *((name, (a, b)) for name in OF_DECIMALS for a in WITH_DECIMALS for b in DECIMALS),
        *((name, (a, b)) for name in ('equal', 'less') for a in DECIMALS for b in VALUES),
        *(('add', (a, b)) for a in DECIMALS for b in ('', ' EUR')),
        *(('decimal', (value,)) for value in (*TYPED, *NUMBERS)),
        *(('plain', (value,)) for value in (*VALUES, *DECIMALS)),
        *(('fixed', (value, 2)) for value in TYPED),
        *((name, (a, b)) for name in OF_NUMBERS for a, b in itertools.product(NUMBERS, repeat=2)),
        *((name, (a, b)) for name in MIXED for a, b in itertools.product(VALUES, repeat=2) if _fit(name, a, b)),
        *(('choose', (value, 1, 2)) for value in VALUES),
        *(('look_up', (value, {'a': 1, '1': None, 'true': 2, '2.5': 3}, 'other')) for value in VALUES),
    ]
    assert {name for name, _ in cases} == set(functions)
    with modules_page() as page:
        shown = page.evaluate(
            """async (cases) => {
                const { expressions } = await import('/assets/streams/expressions.js');
                const { Decimal } = await import('/assets/streams/decimals.js');
                const told = (value) => (value instanceof Decimal ? { decimal: value.text() } : value);
                const taken = (value) => (value?.decimal ? Decimal.of(value.decimal) : value);
                return cases.map(([name, args]) => told(expressions[name](...args.map(taken))));
            }""",
            [(name, [_told(arg) for arg in args]) for name, args in cases],
        )
    seen = [_told(functions[name](*args)) for name, args in cases]
    different = [
        (case, one, other) for case, one, other in zip(cases, seen, shown, strict=True) if not _same(one, other)
    ]
    assert different == []


def _told(value: Any) -> Any:
    return {'decimal': text(value)} if isinstance(value, Decimal) else value


def _fit(name: str, a: Any, b: Any) -> bool:
    """Return whether the values can be those of fields that somebody adds or compares: numbers, or texts."""
    return name not in {'add', 'less'} or not (isinstance(a, bool) or isinstance(b, bool))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    are_numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    return float(one) == float(other) if are_numbers else bool(one == other)
