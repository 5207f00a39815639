"""The examples run, in a process of their own as well as in their own tests."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from examples.shopping.test_shopping import *  # noqa: F403 - the example's own tests
from tests.server import ROOT, running_server


def test_the_shopping_list_keeps_a_table_of_its_own(tmp_path: Path) -> None:
    with running_server(tmp_path, main=ROOT / 'examples' / 'shopping' / 'main.py') as server:
        status, page = server.request('GET', '/', Accept='text/html')
        assert status == 200
        assert b'data-stream="items"' in page
        with sqlite3.connect(tmp_path / 'development.sqlite3') as database:
            assert database.execute('SELECT count(*) FROM items').fetchone() == (0,)
