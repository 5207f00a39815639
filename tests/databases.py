"""The kinds of database that tests run on, how other programs write to them, and their todos while no server runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, NullPool, create_engine, make_url, text
from sqlmodel import Session

from tests.writing import create_todo, delete_todo
from todos import MIGRATIONS
from todos.models import TODOS
from todosync.database.database import Database
from todosync.database.open_file import COMPANIONS
from todosync.streams.messages import Delta
from todosync.streams.version import Version

KINDS = ('sqlite', 'postgresql')
LEAF = b'\x0d'
"""How a page of a SQLite file begins that holds rows."""


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


def keep(url: str) -> Callable[[], None]:
    """Make a copy of a database.

    :param url: SQLAlchemy URL of the database
    :return: a function that puts the copy in its place, once, as an administrator does: no program is told
    """
    return _keep_sqlite(url) if url.startswith('sqlite') else _keep_postgres(url)


def keep_file(url: str, copy: Path) -> Callable[[], None]:
    """Make a copy of a SQLite database that is put in its place by moving the file over the other.

    :param url: SQLAlchemy URL of the database
    :param copy: where the copy is until then
    :return: a function that moves it, once
    """
    path = Path(str(make_url(url).database))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return lambda: move_over(path, copy, with_companions=True)


def move_over(path: Path, other: Path, *, with_companions: bool) -> None:
    """Do what instructions for putting a SQLite file back usually say.

    :param with_companions: whether the files beside the one before are removed
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    if with_companions:
        for suffix in COMPANIONS:
            Path(f'{path}{suffix}').unlink(missing_ok=True)
    other.replace(path)


def _keep_sqlite(url: str) -> Callable[[], None]:
    path = str(make_url(url).database)
    kept = sqlite3.connect(':memory:', check_same_thread=False)
    with closing(sqlite3.connect(path)) as source:
        source.backup(kept)

    def put_back() -> None:
        with closing(sqlite3.connect(path, timeout=10)) as target, closing(kept):
            kept.backup(target)

    return put_back


def _keep_postgres(url: str) -> Callable[[], None]:
    name, administration = make_url(url).database, make_url(url).set(database='postgres')

    def run(*statements: str) -> None:
        engine = create_engine(administration, poolclass=NullPool, isolation_level='AUTOCOMMIT')
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    shut = (
        f'ALTER DATABASE {name} ALLOW_CONNECTIONS false',
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    run(*shut, f'CREATE DATABASE {name}_kept TEMPLATE {name}', f'ALTER DATABASE {name} ALLOW_CONNECTIONS true')
    return lambda: run(*shut, f'DROP DATABASE {name}', f'ALTER DATABASE {name}_kept RENAME TO {name}')


class Todos:
    """The todos of a database, through connections that end after each use as if servers were stopped.

    :param url: SQLAlchemy URL of a database, whose schema and change log are made where they are missing
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url, migrations=MIGRATIONS)
        with closing(self._database) as database:
            database.migrate()
            database.install_change_log(TODOS.log_table)

    def add(self, title: str) -> None:
        with closing(self._database) as database:
            create_todo(database, {'title': title})

    def delete(self, title: str) -> None:
        with closing(self._database) as database:
            with database.read() as session:
                (found,) = [todo['id'] for todo in TODOS.snapshot(session).rows if todo['title'] == title]
            delete_todo(database, found)

    @property
    def titles(self) -> list[str]:
        with closing(self._database) as database, database.read() as session:
            return [todo['title'] for todo in TODOS.snapshot(session).rows]

    @property
    def version(self) -> Version:
        with closing(self._database) as database, database.read() as session:
            return TODOS.version(session)

    def delta(self, since: Version) -> Delta | None:
        with closing(self._database) as database, database.read() as session:
            return TODOS.delta(session, since)


def version_at(session: Session, number: int) -> Version:
    """Return the version of the todos that has a number, as who has held it knows it; without a mark if none has."""
    mark = session.connection().scalar(text('SELECT mark FROM changes WHERE version = :number'), {'number': number})
    return Version(number, mark or '')


def mix_pages(path: Path) -> None:
    """Damage a SQLite file without a word, as a copy of an older one over it does: two pages have changed places.

    :param path: the file, with a table of todos, which has 200 rows more afterwards
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for number in range(200):
            connection.execute('INSERT INTO todos(title) VALUES (?)', (f'filling {number} {"x" * 400}',))
        connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        (size,) = connection.execute('PRAGMA page_size').fetchone()
    content = path.read_bytes()
    pages = [content[begin : begin + size] for begin in range(0, len(content), size)]
    first, second = [number for number, page in enumerate(pages) if page[:1] == LEAF and b'filling' in page][:2]
    pages[first], pages[second] = pages[second], pages[first]
    with path.open('r+b') as file:  # not replaced: it is in use
        file.write(b''.join(pages))
