"""Rows that a write replaces because of another unique column: SQLite calls no trigger for their deletion."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Index, MetaData, UniqueConstraint
from sqlmodel import Field, SQLModel

from todosync.database.database import Database
from todosync.streams import Stream, count
from todosync.streams.messages import Delta
from todosync.streams.replica import Replica


class Seat(SQLModel, table=True):
    __tablename__ = 'seats'
    metadata = MetaData()
    __table_args__ = (
        UniqueConstraint('row', 'number'),
        Index('one_ticket_each', 'ticket', unique=True),
    )

    id: int | None = Field(default=None, primary_key=True)
    guest: str = Field(unique=True)
    row: str
    number: int
    ticket: str | None = None


SEATS = Stream(Seat, totals={'count': count()})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f'sqlite:///{tmp_path}/seats.sqlite3')
    for _ in range(2):  # as on each start
        database.install_change_log(SEATS.log_table)
    with database.write() as session:
        session.add(Seat(guest='Ann', row='A', number=1, ticket='x'))
        session.add(Seat(guest='Bob', row='A', number=2, ticket='y'))
    yield database
    database.close()


def replica_after(database: Database, path: Path, statement: str) -> tuple[list[str], int]:
    """Return what a process shows, rows and count, that applies the delta of another program's statement."""
    replica = Replica(SEATS)
    with database.read() as session:
        snapshot = SEATS.snapshot(session)
    replica.reset(snapshot.version, snapshot.rows)
    with sqlite3.connect(path) as other:
        other.execute(statement)
    with database.read() as session:
        delta = SEATS.delta(session, replica.version)
    assert isinstance(delta, Delta)
    assert replica.apply(delta)
    with database.read() as session:
        assert SEATS.snapshot(session).rows == list(replica.rows)
    return [seat['guest'] for seat in replica.rows], replica.totals['count']


@pytest.mark.parametrize(
    ('statement', 'guests'),
    [
        ("INSERT OR REPLACE INTO seats(guest, row, number) VALUES ('Ann', 'B', 1)", ['Ann', 'Bob']),
        ("INSERT OR REPLACE INTO seats(guest, row, number) VALUES ('Cid', 'A', 1)", ['Cid', 'Bob']),
        ("INSERT OR REPLACE INTO seats(guest, row, number, ticket) VALUES ('Cid', 'B', 1, 'y')", ['Cid', 'Ann']),
        ("INSERT OR REPLACE INTO seats(guest, row, number, ticket) VALUES ('Ann', 'A', 2, 'z')", ['Ann']),
        ("REPLACE INTO seats(id, guest, row, number) VALUES (1, 'Bob', 'B', 1)", ['Bob']),
        ("UPDATE OR REPLACE seats SET number = 2 WHERE guest = 'Ann'", ['Ann']),
        ("INSERT OR IGNORE INTO seats(guest, row, number) VALUES ('Ann', 'B', 1)", ['Bob', 'Ann']),
        ("INSERT INTO seats(guest, row, number) VALUES ('Ann', 'B', 1) ON CONFLICT DO NOTHING", ['Bob', 'Ann']),
        ("INSERT INTO seats(guest, row, number) VALUES ('Cid', 'C', 1)", ['Cid', 'Bob', 'Ann']),
        ("UPDATE seats SET guest = 'Eve' WHERE id = 1", ['Bob', 'Eve']),
    ],
)
def test_what_a_write_of_another_program_replaces_goes_everywhere(
    database: Database, tmp_path: Path, statement: str, guests: list[str]
) -> None:
    assert replica_after(database, tmp_path / 'seats.sqlite3', statement) == (guests, len(guests))
