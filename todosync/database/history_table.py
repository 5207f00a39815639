"""The table in which triggers note who changed what, of all tables whose history is kept."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, DateTime, String, text
from sqlalchemy.sql.expression import column, table
from sqlmodel import Session

history = table(
    'todosync_history',
    column('id', BigInteger),
    column('stream', String),
    column('row_id', String),
    column('scope', String),
    column('left_scope', String),
    column('action', String),
    column('before', String),
    column('after', String),
    column('at', DateTime(timezone=True)),
    column('who', String),
)
"""One row for each change of a row.

``scope`` is the one in which the row is then, of a deleted row the one in which it was; ``left_scope`` is the one that
a row has moved out of. ``before`` and ``after`` are JSON: of an update the fields that it has changed, of an insert all
fields, and of a delete all columns of the table.
"""
COLUMNS = 'stream, row_id, scope, left_scope, action, before, after'
"""The columns that triggers write."""
NEWEST = text('SELECT max(id) FROM todosync_history')
SIGN = text('UPDATE todosync_history SET who = :who WHERE id > :since')


@dataclass(frozen=True)
class HistoryTable:
    """What the history notes of the changes of a table.

    :param stream: the name under which it notes them
    :param fields: the names of the columns whose values it notes; of a deleted row it notes all columns
    """

    stream: str
    fields: tuple[str, ...]


def newest_change(session: Session) -> int:
    """Return the number of the newest change; of those that a transaction makes from then on all are higher.

    :param session: a write transaction, of which only one runs at a time
    """
    return session.connection().scalar(NEWEST) or 0


def sign_changes(session: Session, since: int, who: str) -> None:
    """Note who has made the changes of a transaction. They are undone with it, and so is this.

    :param session: the write transaction
    :param since: the newest change before its first
    :param who: who made them
    """
    session.connection().execute(SIGN, {'who': who, 'since': since})
