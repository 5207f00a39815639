"""The cable room: messages between the processes of an app. One contract, three adapters.

Imports ``database`` and ``settings``. The adapter for PostgreSQL needs psycopg, which is an extra. So it is imported
only when the settings ask for it.
"""

from .adapters import make_cable
from .base import Cable, Receiver
from .memory import MemoryCable
from .sqlite import SqliteCable

__all__ = ['Cable', 'MemoryCable', 'Receiver', 'SqliteCable', 'make_cable']
