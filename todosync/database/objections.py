"""What a database does not admit, read from its error: of which kind it is, and of which columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy.exc import DBAPIError

from .errors import RAISE_EXCEPTION, reason

SIZE = '22'
"""The first characters of PostgreSQL's SQLSTATEs of values that do not fit into their columns."""
SQLITE_COLUMNS = re.compile(r'constraint failed: (\w+\.\w+(?:, \w+\.\w+)*)$')
POSTGRES_COLUMNS = re.compile(r'^Key \((\w+(?:, \w+)*)\)=')


class Kind(Enum):
    """Why a database does not admit what was to be written."""

    SAID = auto()
    """A trigger says why, in the words of whoever has written it."""
    UNIQUE = auto()
    MISSING = auto()
    REFERENCE = auto()
    CHECK = auto()
    SIZE = auto()
    OTHER = auto()


KINDS = {
    'SQLITE_CONSTRAINT_TRIGGER': Kind.SAID,
    RAISE_EXCEPTION: Kind.SAID,
    'SQLITE_CONSTRAINT_UNIQUE': Kind.UNIQUE,
    'SQLITE_CONSTRAINT_PRIMARYKEY': Kind.UNIQUE,
    'SQLITE_CONSTRAINT_ROWID': Kind.UNIQUE,
    '23505': Kind.UNIQUE,
    'SQLITE_CONSTRAINT_NOTNULL': Kind.MISSING,
    '23502': Kind.MISSING,
    'SQLITE_CONSTRAINT_FOREIGNKEY': Kind.REFERENCE,
    '23503': Kind.REFERENCE,
    'SQLITE_CONSTRAINT_CHECK': Kind.CHECK,
    '23514': Kind.CHECK,
}
"""By SQLite's names of errors, and PostgreSQL's SQLSTATEs."""


@dataclass(frozen=True)
class Objection:
    """What a database does not admit.

    :ivar kind: why
    :ivar columns: the columns that it is about, none where the database does not tell them
    :ivar said: what a trigger says, empty otherwise. What databases themselves say is not for people: it has the names
        of tables and constraints
    """

    kind: Kind
    columns: tuple[str, ...] = ()
    said: str = ''


def objection_of(error: DBAPIError) -> Objection:
    """Return what a database does not admit.

    :param error: an error of a constraint, of a trigger, or of the type of a column
    """
    orig = error.orig
    code = getattr(orig, 'sqlstate', None) or getattr(orig, 'sqlite_errorname', None) or ''
    kind = KINDS.get(code, Kind.OTHER)
    if kind is Kind.OTHER and (code.startswith(SIZE) or isinstance(orig, OverflowError)):
        kind = Kind.SIZE
    return Objection(kind, _columns(error), reason(error) if kind is Kind.SAID else '')


def _columns(error: DBAPIError) -> tuple[str, ...]:
    told = getattr(error.orig, 'diag', None)
    if told is not None and told.column_name:
        return (str(told.column_name),)
    found = POSTGRES_COLUMNS.match(told.message_detail or '') if told else SQLITE_COLUMNS.search(reason(error))
    return tuple(name.rpartition('.')[2] for name in found[1].split(', ')) if found else ()
