"""Backups: made while servers use the database, kept as many as wanted, restored. One contract, two kinds."""

from .base import BackupError, Backups, MissingProgramError, NoBackupError
from .postgres import PostgresBackups
from .sqlite import SqliteBackups

__all__ = ['BackupError', 'Backups', 'MissingProgramError', 'NoBackupError', 'PostgresBackups', 'SqliteBackups']
