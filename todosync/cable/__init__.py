"""The cable room: messages between the processes of an app; one contract, several adapters. Imports ``database`` only.

The adapter of PostgreSQL needs psycopg, an extra, so it is imported from ``todosync.cable.postgres`` by who wants it.
"""

from .base import Cable, Receiver
from .memory import MemoryCable
from .sqlite import SqliteCable

__all__ = ['Cable', 'MemoryCable', 'Receiver', 'SqliteCable']
