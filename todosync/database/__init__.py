"""The database room: engine, transactions, change logs, what differs by kind of database, and waking on commits.

Imports ``package``. This room knows tables and not streams: a change log is that of a ``LogTable``.
"""

from .commits import CommitSignal
from .damage import DamageWatch
from .database import Database, forbid_event_loop
from .dialects import dialect_of
from .errors import (
    DatabaseOutdatedError,
    DatabaseUnavailableError,
    UnknownOutcomeError,
    explained,
    first_line,
    is_mistake,
    reason,
    reason_for_strangers,
    unforeseen,
    write_transaction,
)
from .file_watch import FileWatch
from .history_table import HistoryTable, history
from .log_table import LogTable
from .log_watch import LogWatch
from .objections import Kind as ObjectionKind
from .objections import Objection, objection_of
from .outage import QUIET, Outage
from .postgres_url import POSTGRES_CONNECTION, conninfo_of
from .sql import as_bytes, by_code_points, decimal_text, instant, iso_utc, sql_now
from .sqlite import damage_of
from .wal import enter_wal

__all__ = [
    'POSTGRES_CONNECTION',
    'QUIET',
    'CommitSignal',
    'DamageWatch',
    'Database',
    'DatabaseOutdatedError',
    'DatabaseUnavailableError',
    'FileWatch',
    'HistoryTable',
    'LogTable',
    'LogWatch',
    'Objection',
    'ObjectionKind',
    'Outage',
    'UnknownOutcomeError',
    'as_bytes',
    'by_code_points',
    'conninfo_of',
    'damage_of',
    'decimal_text',
    'dialect_of',
    'enter_wal',
    'explained',
    'first_line',
    'forbid_event_loop',
    'history',
    'instant',
    'is_mistake',
    'iso_utc',
    'objection_of',
    'reason',
    'reason_for_strangers',
    'sql_now',
    'unforeseen',
    'write_transaction',
]
