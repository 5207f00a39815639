"""The kinds of database that tests run on, and how other programs write to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, NullPool, create_engine, text

KINDS = ('sqlite', 'postgresql')


@contextmanager
def other_program(url: str) -> Iterator[Connection]:
    """Connect as a program does that knows nothing of todosync; what it writes is committed on leaving the block.

    :param url: SQLAlchemy URL of the database
    """
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection


def execute(url: str, statement: str, *rows: Mapping[str, Any]) -> None:
    """Have another program execute a statement, once or for each of some rows.

    :param url: SQLAlchemy URL of the database
    :param statement: SQL with parameters as in ``:title``
    """
    with other_program(url) as connection:
        connection.execute(text(statement), list(rows) or None)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Keep others from writing for the time of a block, as another program does whose transaction takes its time.

    :param url: SQLAlchemy URL of a database that has todos
    """
    with other_program(url) as connection:
        connection.execute(text('DELETE FROM todos WHERE id IS NULL'))  # nothing, but it takes its turn to write
        yield
