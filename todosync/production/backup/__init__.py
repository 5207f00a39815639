"""Backups: made while servers use the database, kept as many as wanted, restored. Imports ``database`` only.

One contract, two kinds. That of PostgreSQL needs psycopg, an extra: import it from ``.postgres``.
"""

from .base import MIGRATIONS_HINT, BackupError, Backups, MissingProgramError, NoBackupError
from .sqlite import SqliteBackups

__all__ = ['MIGRATIONS_HINT', 'BackupError', 'Backups', 'MissingProgramError', 'NoBackupError', 'SqliteBackups']
