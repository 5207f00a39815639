"""The contract that every kind of database keeps, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sqlalchemy import Connection, Engine

from .commits import CommitSignal
from .log_table import LogTable
from .ownership import Ownership

BUSY_TIMEOUT = 10.0
"""How many seconds a writer waits for another program's transaction before it is told that the database is locked."""
DATA = 'todosync_data'
"""The topic of commits that change a stream."""


class Dialect(Protocol):
    """A kind of database."""

    def make_engine(self) -> Engine:
        """Return an engine whose transactions see one moment of the database."""

    def for_writing(self, engine: Engine) -> Engine:
        """Return the engine, sharing its connections, with transactions of which only one runs at a time."""

    def for_migrating(self, engine: Engine) -> Engine:
        """Return the engine for writing, with transactions that may take as long as a migration does."""

    def change_log_ddl(self, table: LogTable) -> list[str]:
        """Return the statements that create a table's change log, and the triggers that write it.

        Each of its rows gets a random mark, and it never is without a row: the newest one is the table's version.
        """

    def marks_ddl(self, table: LogTable) -> list[str]:
        """Return the statements that give marks to a change log of a release that knew none."""

    def enforcement_ddl(self, table: LogTable) -> list[str]:
        """Return the statements that make the triggers fire whatever a program has set, and leave a note of them."""

    def has_change_log(self, connection: Connection, table: LogTable, *, exactly: bool) -> bool:
        """Return whether a table has the change log and the triggers that the statements above make. Only reads.

        :param exactly: ``False`` accepts those of another release, if they are there and fire for every program
        """

    def is_in_the_way(self, error: BaseException | None) -> bool:
        """Return whether a change of the schema was refused only because somebody is just writing."""

    def removal_ddl(self, connection: Connection, error: Exception) -> list[str]:
        """Return the statements that remove what has kept a migration from being run; none if that was something else.

        What they remove is made anew when the change logs are installed, as the models are then.
        """

    def signal_ddl(self, topic: str, table: str) -> list[str]:
        """Return the statements that have each commit that changes a table signalled under a topic."""

    def place(self) -> object:
        """Return something that changes when another database takes this one's place. A write meanwhile is lost."""

    def damage(self, connection: Connection) -> str:
        """Return what is damaged in the files of the database, in its own words; empty if nothing is."""

    def commit_signal(self, topic: str, interval: float, on_commit: Callable[[], None]) -> CommitSignal:
        """Return what calls back after commits.

        :param topic: at least the commits that are signalled under this topic call back
        :param interval: seconds between two looks, where looking is needed
        :param on_commit: called in a thread of the signal's own; must be quick and must not raise
        """

    def make_ownership(self) -> Ownership:
        """Return what one of the processes that share the database can hold."""


def begin(connection: Connection) -> None:
    """Begin a transaction as the engine's option ``begin`` says."""
    if statement := connection.get_execution_options().get('begin'):
        connection.exec_driver_sql(statement)


def first_row_ddl(table: LogTable) -> str:
    """Return the statement that gives an empty change log the row of the version before the first change."""
    columns = f'{table.name}(version, {table.key}, op)'
    return f"INSERT INTO {columns} SELECT 0, {table.no_row}, 'del' WHERE NOT EXISTS (SELECT 1 FROM {table.name})"  # noqa: S608
