"""The writes room, the write side: checks each write against what its stream declares, in one transaction.

Imports ``database``, ``ids`` and ``streams``.
"""

from .refusals import RefusedWriteError, RowGoneError
from .shapes import insert_shape, update_shape
from .write import Write
from .writer import RowOrId, Writer

__all__ = ['RefusedWriteError', 'RowGoneError', 'RowOrId', 'Write', 'Writer', 'insert_shape', 'update_shape']
