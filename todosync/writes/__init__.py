"""The writes room, the write side: checks each write against what its stream declares, in one transaction.

Imports ``database``, ``ids`` and ``streams``.
"""

from .author import Author
from .effects import RowOrId
from .history import Change, forget_history
from .inbox import Inbox
from .own import UNDO_LIMIT, OwnWrite, OwnWrites
from .queues import BATCH_LIMIT, Batch
from .refusals import NotAllowedError, RefusedWriteError, RowGoneError, refusal_by_database
from .shapes import NOW, insert_shape, makes_ids, named_by, shown_defaults, update_shape
from .write import Write
from .writer import Writer

__all__ = [
    'BATCH_LIMIT',
    'NOW',
    'UNDO_LIMIT',
    'Author',
    'Batch',
    'Change',
    'Inbox',
    'NotAllowedError',
    'OwnWrite',
    'OwnWrites',
    'RefusedWriteError',
    'RowGoneError',
    'RowOrId',
    'Write',
    'Writer',
    'forget_history',
    'insert_shape',
    'makes_ids',
    'named_by',
    'refusal_by_database',
    'shown_defaults',
    'update_shape',
]
