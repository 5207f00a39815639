"""The writes room, the write side: what is declared to be writable, checked by rules, in one transaction.

Imports ``streams`` and ``access``, and what those import.
"""

from .refusals import RefusedWriteError, RowGoneError
from .shapes import insert_shape, update_shape
from .writer import RowOrId, Write, Writer

__all__ = ['RefusedWriteError', 'RowGoneError', 'RowOrId', 'Write', 'Writer', 'insert_shape', 'update_shape']
