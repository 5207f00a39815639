"""Which kind of database a URL names. Only the one that is asked for is loaded: psycopg is an extra."""

from __future__ import annotations

from sqlalchemy import make_url

from todosync.package import extra

from .base import BUSY_TIMEOUT, Dialect


def dialect_of(url: str, busy_timeout: float = BUSY_TIMEOUT) -> Dialect:
    """Return the dialect that speaks to a database.

    :param url: SQLAlchemy URL
    :param busy_timeout: seconds that a writer waits for another program's transaction
    :raises ValueError: of a kind that is not supported
    :raises MissingExtraError: what speaks to this kind is not installed
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case 'sqlite':
            from .sqlite import SqliteDialect

            return SqliteDialect(parsed, busy_timeout)
        case 'postgresql':
            with extra('postgres', 'PostgreSQL'):
                from .postgres import PostgresDialect
            return PostgresDialect(parsed, busy_timeout)
        case other:
            raise ValueError(f'DATABASE_URL must name a SQLite file or a PostgreSQL database, not {other}')
