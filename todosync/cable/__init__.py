"""The cable carries messages between the processes of an app. One contract, several adapters."""

from .base import Cable
from .memory import MemoryCable

__all__ = ['Cable', 'MemoryCable']
