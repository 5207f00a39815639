"""What SQLite makes possible: rows that replace others without a word, and values that JSON cannot hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from tests.databases import other_program
from tests.writes.test_history import Told, insert, papers, told, writer
from todosync.streams.stream import Stream
from todosync.writes import Writer

__all__ = ['papers', 'told', 'writer']


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f'sqlite:///{tmp_path / "papers.sqlite3"}'


@pytest.mark.parametrize('is_recursive', [False, True])
def test_a_row_that_another_one_replaces_is_noted(url: str, told: Told, is_recursive: bool) -> None:
    def write(statement: str) -> None:
        with other_program(url) as connection:
            connection.execute(text(f'PRAGMA recursive_triggers = {int(is_recursive)}'))
            connection.execute(text(statement))

    values = "false, 1, 'CALM', 0.5"
    columns = 'papers(id, project, text, number, urgent, price, mood, weight)'
    insert(url, -1, 'of an odd number')
    insert(url, 1, 'one', number=1)
    insert(url, 2, 'two', number=2)
    write(f"INSERT OR REPLACE INTO {columns} VALUES (1, 7, 'one again', 1, {values})")
    write(f"INSERT OR REPLACE INTO {columns} VALUES (3, 7, 'three', 1, {values})")
    write(f"INSERT OR IGNORE INTO {columns} VALUES (2, 7, 'ignored', 2, {values})")
    write(f"INSERT INTO {columns} VALUES (2, 7, 'not new', 2, {values}) ON CONFLICT DO UPDATE SET text = 'two again'")
    write("UPDATE OR REPLACE papers SET number = 2, text = 'three for two' WHERE id = 3")
    write('UPDATE OR IGNORE papers SET id = 3 WHERE id = -1')
    write("INSERT INTO papers(project, text, urgent, price, mood, weight) VALUES (7, 'last', false, 1, 'CALM', 0.5)")
    write('UPDATE OR REPLACE papers SET id = 4 WHERE id = 3')
    assert told('text')[3:] == [
        ('delete', 1, '', {'text': 'one'}, {}),
        ('insert', 1, '', {}, {'text': 'one again'}),
        ('delete', 1, '', {'text': 'one again'}, {}),
        ('insert', 3, '', {}, {'text': 'three'}),
        ('update', 2, '', {'text': 'two'}, {'text': 'two again'}),
        ('delete', 2, '', {'text': 'two again'}, {}),
        ('update', 3, '', {'text': 'three'}, {'text': 'three for two'}),
        ('insert', 4, '', {}, {'text': 'last'}),
        ('delete', 4, '', {'text': 'last'}, {}),
        ('delete', 3, '', {'text': 'three for two'}, {}),
        ('insert', 4, '', {}, {'text': 'three for two'}),
    ]


def test_what_json_cannot_hold_neither_breaks_a_write_nor_is_told_wrongly(
    url: str, writer: Writer, papers: Stream, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    insert(url, 1, 'Buy milk')
    with other_program(url) as connection:
        connection.exec_driver_sql("UPDATE papers SET text = x'00ff' WHERE id = 1")
        connection.exec_driver_sql("UPDATE papers SET text = CAST(x'ff' AS TEXT), weight = 9e999 WHERE id = 1")
        connection.exec_driver_sql("UPDATE papers SET text = 'a' || char(0) || 'b', weight = -9e999 WHERE id = 1")
    assert [action for action, *_ in told()] == ['insert', 'update', 'update', 'update']
    assert told('weight')[-1][-1] == {'weight': float('-inf')}
    assert told('text')[-1][-1] == {'text': 'a\0b'}
    assert told('text', 'weight')[2][-1] == {}, 'a text that is no UTF-8'
    assert 'values that cannot be read' in caplog.text
