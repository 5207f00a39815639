"""The cable room: messages between the processes of an app. One contract, three adapters. Imports ``database`` only.

The adapter for PostgreSQL needs psycopg, which is an extra. So this room does not import it: ``setup()`` imports it
from ``todosync.cable.postgres`` when the settings ask for it.
"""

from .base import Cable, Receiver
from .memory import MemoryCable
from .sqlite import SqliteCable

__all__ = ['Cable', 'MemoryCable', 'Receiver', 'SqliteCable']
