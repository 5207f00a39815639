"""The tests themselves: what they may use. (That they use no private name is a rule of the linter's, SLF001.)"""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
IMPORT_OF_BENCHMARKS = re.compile(r'^\s*(from|import) benchmarks\b', re.MULTILINE)


def test_tests_import_nothing_from_the_benchmarks() -> None:
    assert not [path for path in TESTS.rglob('*.py') if IMPORT_OF_BENCHMARKS.search(path.read_text())]
