"""Which kind of database a URL names. Only the one that is asked for is loaded: psycopg is an extra."""

from __future__ import annotations

from sqlalchemy import make_url

from .base import BUSY_TIMEOUT, Dialect


def dialect_of(url: str, busy_timeout: float = BUSY_TIMEOUT) -> Dialect:
    """Return the dialect that speaks to a database.

    :param url: SQLAlchemy URL
    :param busy_timeout: seconds that a writer waits for another program's transaction
    :raises ValueError: of a kind that is not supported
    :raises ImportError: what speaks to this kind is not installed
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case 'sqlite':
            from .sqlite import SqliteDialect

            return SqliteDialect(parsed, busy_timeout)
        case 'postgresql':
            try:
                from .postgres import PostgresDialect
            except ImportError as error:
                raise ImportError(f"PostgreSQL needs psycopg; pip install 'todosync[postgres]' ({error})") from error
            return PostgresDialect(parsed, busy_timeout)
        case other:
            raise ValueError(f'DATABASE_URL must name a SQLite file or a PostgreSQL database, not {other}')
