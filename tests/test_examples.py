"""The examples run, in a process of their own as well as in their own tests, on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.shopping.test_shopping import *  # noqa: F403 - the example's own tests
from examples.shopping.test_shopping import pytestmark as main_file
from tests.databases import execute
from tests.server import ROOT, running_server
from tests.waiting import wait_until

pytestmark = [main_file, pytest.mark.usefixtures('page_database')]


def test_the_shopping_list_keeps_a_table_of_its_own(tmp_path: Path, database_url: str) -> None:
    main = ROOT / 'examples' / 'shopping' / 'main.py'
    with running_server(tmp_path, main=main, DATABASE_URL=database_url) as server:
        execute(database_url, "INSERT INTO items(name, bought) VALUES ('Milk', false)")
        wait_until(lambda: b'Milk' in server.request('GET', '/', Accept='text/html')[1])
        _, page = server.request('GET', '/', Accept='text/html')
    assert b'data-stream="items"' in page
