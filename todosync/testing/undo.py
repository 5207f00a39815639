"""What a simulated person has written as a browser does, so that they can take it back as in a browser."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from todosync.streams import Row, Stream
from todosync.writes import UNDO_LIMIT


@dataclass(eq=False)
class Written:
    """A write of a simulated person, see ``assets/writes/undo.js``.

    :ivar write: as the browser sends it
    :ivar stored: what it has set, by field
    :ivar before: what it has replaced; of a deleted row all that was shown
    :ivar at: when it was done, by the clock of :class:`OwnWrite`
    """

    stream: Stream
    write: dict[str, Any]
    stored: Row
    before: Row
    at: int = field(default_factory=time.monotonic_ns)


class UndoList:
    """The writes that a simulated person can take back, the last ones."""

    def __init__(self) -> None:
        self._writes: deque[Written] = deque(maxlen=UNDO_LIMIT)

    @property
    def last(self) -> Written | None:
        """The write that is taken back next."""
        return self._writes[-1] if self._writes else None

    def note(self, stream: Stream, write: dict[str, Any], row: Row) -> None:
        """Note a write.

        :param row: the row as the page has shown it before
        """
        stored = stream.declared.shows.get(write['action'], write['values'])
        if write['action'] == 'restore':
            return
        before = row if write['action'] == 'delete' else {name: row[name] for name in stored if name in row}
        self._writes.append(Written(stream, write, dict(stored), dict(before)))

    def decided(self, outcomes: list[dict[str, Any]]) -> None:
        """Forget writes that were not done, and note what was stored by the others."""
        by_sequence = {outcome['sequence']: outcome for outcome in outcomes}
        for own in list(self._writes):
            outcome = by_sequence.get(own.write['sequence'])
            if outcome and outcome['state'] != 'done':
                self._writes.remove(own)
            elif outcome:
                own.stored |= outcome.get('stored', {})
                own.before |= outcome.get('conflicts', {})

    def take_back(self, own: Written) -> tuple[dict[str, Any], Row | None]:
        """Return what takes a write back, and the row that this shows, if it puts one back.

        :raises AssertionError: the write is of a verb that cannot be undone
        """
        self._writes.remove(own)
        action, row_id = own.write['action'], own.write['id']
        if action == 'insert':
            return {'action': 'delete', 'id': row_id, 'values': {}, 'was': own.stored}, None
        if action == 'delete':
            return {'action': 'restore', 'id': row_id, 'values': {}, 'was': {}}, own.before
        can_be_undone = own.before and own.before.keys() <= {*own.stream.declared.fields}
        assert can_be_undone, f'{action!r} cannot be undone: what it shows cannot be written'
        return {'action': 'undo', 'id': row_id, 'values': own.before, 'was': own.stored}, None
