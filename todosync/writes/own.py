"""The last writes that the handlers of a page have made, so that they can take them back."""

from __future__ import annotations

import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from todosync.streams import Row, RowId, Stream

from .author import Author
from .deleted import Deleted, Kept
from .effects import (
    Effect,
    RowOrId,
    delete_effect,
    id_of,
    insert_effect,
    restore_effect,
    update_effect,
    verb_effect,
)
from .history import FromHistory
from .meanwhile import quoted, told_values
from .refusals import RefusedWriteError, RowGoneError
from .shapes import Values, named_by
from .writer import Writer

UNDO_LIMIT = 100
"""How many writes of a page can be taken back: the last ones."""
DONE = {'insert': 'added', 'update': 'changed', 'delete': 'deleted'}
"""What a person has done, in a sentence about it; of a verb its name."""


@dataclass(eq=False)
class OwnWrite:
    """A write that can be taken back.

    :ivar action: ``insert``, ``update``, ``delete`` or the name of a verb
    :ivar stored: what was stored by it, by field, as rows hold it
    :ivar before: what it has replaced, in the same form
    :ivar name: what a person knows the row by
    :ivar at: when it was done, in nanoseconds of a clock that only rises
    """

    action: str
    row_id: RowId
    stored: Row
    before: Row
    name: str
    at: int = field(default_factory=time.monotonic_ns)


class OwnWrites:
    """Writes to a stream for the handlers of a page, and takes back what they have written last.

    Its methods block, so call them in a thread, one after the other.

    :param writer: does the writes
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._deleted = Deleted(secrets.token_hex(16))
        self._writes: deque[OwnWrite] = deque(maxlen=UNDO_LIMIT)

    @property
    def last(self) -> OwnWrite | None:
        """The write that would be taken back next."""
        return self._writes[-1] if self._writes else None

    def insert(self, stream: Stream, values: Values, *, author: Author) -> Any:
        """Add a row, as :meth:`Writer.insert`."""
        row = self._writer.carry_out(stream, insert_effect(stream, values, author=author), author=author)
        return self._note(stream, 'insert', row, told_values(stream, row, stream.declared.fields), {})

    def update(self, stream: Stream, row: RowOrId, values: Values, *, author: Author) -> Any:
        """Change fields of a row, as :meth:`Writer.update`."""
        effect = update_effect(stream, row, values, author=author)
        return self._note_change(stream, 'update', self._writer.carry_out(stream, effect, author=author), effect)

    def delete(self, stream: Stream, row: RowOrId, *, author: Author) -> None:
        """Delete a row, as :meth:`Writer.delete`."""
        effect = delete_effect(stream, row, self._kept(stream), author=author)
        self._writer.carry_out(stream, effect, author=author)
        self._writes.append(OwnWrite('delete', id_of(stream, row), {}, effect.before, _name(stream, effect.before)))

    def do(self, stream: Stream, verb: str, row: RowOrId, *, author: Author) -> Any:
        """Do what a verb does to a row, as :meth:`Writer.do`."""
        effect = verb_effect(stream, verb, row, author=author)
        return self._note_change(stream, verb, self._writer.carry_out(stream, effect, author=author), effect)

    def undo(self, stream: Stream, row: RowOrId | None = None, *, author: Author) -> str | None:
        """Take the last write back. It is forgotten, also if that is refused.

        :param row: take back the last write to this row (default: to whichever)
        :return: what was taken back, as a sentence; ``None`` if there is nothing
        :raises RefusedWriteError: somebody has changed the same since, or it cannot be taken back
        :raises DatabaseUnavailableError: nothing was written, try again later
        """
        row_id = None if row is None else id_of(stream, row)
        own = next((own for own in reversed(self._writes) if row_id in (None, own.row_id)), None)
        if own is None:
            return None
        there = None
        try:
            there = self._writer.carry_out(stream, self._inverse(stream, own, author), author=author)
        except RowGoneError:
            self._writes.remove(own)
            if own.action != 'insert':
                raise
        except RefusedWriteError:
            self._writes.remove(own)
            raise
        else:
            self._writes.remove(own)
        name = own.name if there is None else _name_of(stream, there)
        return f'Undone: {DONE.get(own.action, _words(own.action))} {_named(stream, name)}'

    def _inverse(self, stream: Stream, own: OwnWrite, author: Author) -> Effect:
        if own.action == 'insert':
            return delete_effect(stream, own.row_id, self._kept(stream), only_if=own.stored, author=author)
        if own.action == 'delete':
            return restore_effect(stream, own.row_id, self._kept(stream), author=author)
        if not own.before or not own.before.keys() <= {*stream.declared.fields}:
            raise RefusedWriteError(f'“{_words(own.action)}” of {_named(stream, own.name)} cannot be undone')
        return update_effect(stream, own.row_id, own.before, only_if=own.stored, author=author)

    def _kept(self, stream: Stream) -> Kept:
        return FromHistory() if stream.history else self._deleted

    def _note_change(self, stream: Stream, action: str, row: Any, effect: Effect) -> Any:
        return self._note(stream, action, row, told_values(stream, row, effect.before), effect.before)

    def _note(self, stream: Stream, action: str, row: Any, stored: Row, before: Row) -> Any:
        if stored != before or action not in DONE:
            self._writes.append(OwnWrite(action, id_of(stream, row), stored, before, _name_of(stream, row)))
        return row


def _name(stream: Stream, row: Row) -> str:
    return str(row.get(named_by(stream)) or '')


def _name_of(stream: Stream, row: Any) -> str:
    return _name(stream, told_values(stream, row, filter(None, [named_by(stream)])))


def _named(stream: Stream, name: str) -> str:
    return quoted(name) if name else f'one {stream.model.__name__.lower()}'


def _words(verb: str) -> str:
    return verb.replace('_', ' ')
