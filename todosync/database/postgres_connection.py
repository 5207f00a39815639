"""How PostgreSQL is connected to, and what is refused because it is not PostgreSQL itself."""

from __future__ import annotations

from typing import Any

import psycopg

from .postgres_url import POSTGRES_CONNECTION

POOLER = (
    'a connection pooler such as PgBouncer is between this program and PostgreSQL, which does not work: '
    'let TODOSYNC_DATABASE_URL name PostgreSQL itself, see docs/operations.md'
)


def connect_to_server(dialect: Any, record: Any, arguments: Any, options: Any) -> psycopg.Connection:
    """Connect, and refuse a connection pooler: it forgets settings, locks and LISTEN between two transactions."""
    try:
        connection: psycopg.Connection = dialect.connect(*arguments, **options)
    except psycopg.OperationalError as error:
        if 'unsupported startup parameter' in str(error):
            raise psycopg.OperationalError(POOLER) from error
        raise
    row = connection.execute('SHOW idle_in_transaction_session_timeout').fetchone()
    connection.rollback()
    if row is None or row[0] == '0':  # it was asked for, so it was dropped on the way
        connection.close()
        raise psycopg.OperationalError(POOLER)
    return connection


def connect(conninfo: str, name: str) -> psycopg.Connection:
    """Connect without a transaction around each statement."""
    return psycopg.connect(conninfo, autocommit=True, application_name=name, **POSTGRES_CONNECTION)
