"""The cable carries messages between the processes of an app. One contract, several adapters."""

from .base import Cable, Receiver
from .memory import MemoryCable
from .postgres import PostgresCable
from .sqlite import SqliteCable

__all__ = ['Cable', 'MemoryCable', 'PostgresCable', 'Receiver', 'SqliteCable']
