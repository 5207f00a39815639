"""The examples run, in a process of their own as well as in their own tests, on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.expenses.test_expenses import *  # noqa: F403 - the example's own tests
from examples.shopping.test_shopping import *  # noqa: F403
from examples.shopping.test_shopping import pytestmark as main_file
from tests.databases import execute
from tests.server import ROOT, running_server
from tests.waiting import wait_until

pytestmark = [main_file, pytest.mark.usefixtures('page_database')]


ROWS = {
    'shopping': ("INSERT INTO items(name, bought) VALUES ('Milk', false)", b'Milk', b'data-stream="items"'),
    'expenses': (
        f"INSERT INTO expenses(id, what, price, day) VALUES ('{'0a' * 16}', 'Bread', 1.5, '2026-01-02')",
        b'"1.50"',
        b'data-stream="expenses"',
    ),
}


@pytest.mark.parametrize('name', ROWS)
def test_an_example_keeps_a_table_of_its_own(tmp_path: Path, database_url: str, name: str) -> None:
    main, (statement, shown, stream) = ROOT / 'examples' / name / 'main.py', ROWS[name]
    with running_server(tmp_path, main=main, DATABASE_URL=database_url) as server:
        execute(database_url, statement)
        wait_until(lambda: shown in server.request('GET', '/', Accept='text/html')[1])
        _, page = server.request('GET', '/', Accept='text/html')
    assert stream in page
