"""What a database cannot do, in the words of this program, and what databases say of it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

RAISE_EXCEPTION = 'P0001'
"""PostgreSQL's SQLSTATE of what a trigger raises."""
IDLE_TIMEOUT = '25P03'
"""PostgreSQL's SQLSTATE of a transaction that was ended before the commit because its program was taken for hung."""
UNDEFINED = ('42P01', '42703')
"""PostgreSQL's SQLSTATEs of a table and of a column that are not there."""

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""SQLite's codes of a file that is damaged, or no database."""
PRIMARY_CODE = 0xFF
"""The part of SQLite's error codes that tells the kinds of errors apart."""

NAMES_SOMETHING = re.compile(r'["\\@]|(?<!\bI)/')  # but a "disk I/O error" names nothing
"""What the messages of databases have around the names of hosts, users and files, or in them."""


class DatabaseUnavailableError(Exception):
    """The database could not be read or written to now; nothing was written, and trying again later is worthwhile.

    Example::

        try:
            await view.insert(text='Call Ann')
        except DatabaseUnavailableError as error:
            ui.notify(f'Not saved: {error}')
    """


class DatabaseOutdatedError(DatabaseUnavailableError):
    """The database lacks a table or a column, as one that was put back from a time before they were made."""


class UnknownOutcomeError(DatabaseUnavailableError):
    """The connection was lost during the commit, so nobody knows whether it was made. Look before you try again.

    Example::

        try:
            await view.insert(text='Call Ann')
        except UnknownOutcomeError:
            ui.notify('The connection was lost. Look whether the note is there before you add it again.')
    """


def unforeseen(error: BaseException) -> BaseException | None:
    """Return an error if a log should have its traceback: ``None`` for an outage, which its message explains.

    :param error: the error
    """
    return None if isinstance(error, (DatabaseUnavailableError, DBAPIError, PoolTimeoutError, OSError)) else error


def first_line(error: BaseException) -> str:
    """Return what a log says of an error in one line.

    :param error: the error; of one of SQLAlchemy's, what the database itself says
    """
    said = error.orig if isinstance(error, DBAPIError) else error
    return str(said).partition('\n')[0]


@contextmanager
def explained() -> Iterator[None]:
    """Tell what a request did wrong from what the database cannot do now.

    :raises DatabaseUnavailableError: in place of SQLAlchemy's error, for the latter
    """
    try:
        yield
    except (DataError, IntegrityError):
        raise
    except ProgrammingError as error:
        state = getattr(error.orig, 'sqlstate', None)
        # by somebody's own trigger on PostgreSQL; SQLite calls that a constraint
        if error.orig is not None and state == RAISE_EXCEPTION:
            raise IntegrityError(error.statement, error.params, error.orig) from error
        if state in UNDEFINED:
            raise DatabaseOutdatedError(reason(error)) from error
        raise
    except DBAPIError as error:
        if str(error.orig).startswith('no such '):  # as SQLite says it, table or column
            raise DatabaseOutdatedError(reason(error)) from error
        raise DatabaseUnavailableError(reason(error)) from error
    except PoolTimeoutError as error:
        raise DatabaseUnavailableError('too many requests are using it') from error


@contextmanager
def explained_commit() -> Iterator[None]:
    """Tell a commit that failed from one of which nobody knows whether it was made.

    :raises UnknownOutcomeError: in place of SQLAlchemy's error, for the latter
    """
    try:
        yield
    except DBAPIError as error:
        is_certain = getattr(error.orig, 'sqlstate', None) == IDLE_TIMEOUT
        if error.connection_invalidated and not is_certain:
            raise UnknownOutcomeError(reason(error)) from error
        raise


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction of which it is known whether the commit was made, or said that it is not.

    :param engine: an engine for transactions that write
    :raises UnknownOutcomeError: the connection was lost during the commit
    """
    with engine.connect() as connection:
        yield connection
        with explained_commit():
            connection.commit()


def is_mistake(error: SQLAlchemyError) -> bool:
    """Return whether the statement itself is wrong, so that trying again would not help.

    :param error: the error of a statement that is not one of the library's own
    """
    if isinstance(error, (DataError, IntegrityError, PoolTimeoutError)):
        return False
    if not isinstance(error, DBAPIError):
        return True  # one of SQLAlchemy's own, such as a result of two rows where one was asked for
    if isinstance(error, ProgrammingError):
        return getattr(error.orig, 'sqlstate', None) != RAISE_EXCEPTION
    return getattr(error.orig, 'sqlite_errorcode', sqlite3.SQLITE_OK) == sqlite3.SQLITE_ERROR


def reason(error: DBAPIError) -> str:
    """Return what the database says, without the details that PostgreSQL adds in further lines."""
    said = str(error.orig).strip().partition('\n')[0]
    return f'its file is damaged: {said}; restore a backup' if is_damage(error) else said


def is_damage(error: BaseException | None) -> bool:
    """Return whether an error tells that the file of a SQLite database is damaged, or is none."""
    said = error.orig if isinstance(error, DBAPIError) else error
    return getattr(said, 'sqlite_errorcode', sqlite3.SQLITE_OK) & PRIMARY_CODE in DAMAGED


def reason_for_strangers(error: Exception | str) -> str:
    """Return what an error of the database says, if it names no host, user or file. Otherwise only the log tells it.

    :param error: the error, or what it says
    """
    text = str(error).partition('\n')[0]
    return 'the log says why' if NAMES_SOMETHING.search(text) else text
