"""The operations of expressions give the same in Python and in browsers."""

from __future__ import annotations

import itertools
from typing import Any

from tests.js.test_modules import modules_page
from todosync.elements.operations import FUNCTIONS

VALUES = (None, True, False, 0, 1, -2, 2.5, 1e6, '', 'a', 'Ä', '\U0001f600', '\uffee', '1', 'constructor')
NUMBERS = (None, 0, 1, -2, 2.5, 7, 1e6)
MIXED = 'add', 'equal', 'less', 'both', 'either', 'contains'
ONE = 'is_true', 'no', 'text'
OF_NUMBERS = 'subtract', 'multiply', 'divide'


def test_what_tests_without_a_browser_see_is_what_browsers_show() -> None:
    functions = {function.__name__: function for function in FUNCTIONS}
    cases: list[tuple[str, tuple[Any, ...]]] = [
        *((name, (value,)) for name in ONE for value in VALUES),
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
                return cases.map(([name, args]) => expressions[name](...args));
            }""",
            cases,
        )
    seen = [functions[name](*args) for name, args in cases]
    different = [
        (case, one, other) for case, one, other in zip(cases, seen, shown, strict=True) if not _same(one, other)
    ]
    assert different == []


def _fit(name: str, a: Any, b: Any) -> bool:
    """Return whether the values can be those of fields that somebody adds or compares: numbers, or texts."""
    return name not in {'add', 'less'} or not (isinstance(a, bool) or isinstance(b, bool))


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
