"""A process's copy of a stream."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from .messages import Delta, Row, RowId
from .stream import Stream
from .totals import Amount
from .version import Held, Version


class Replica:
    """A process's copy of a stream's rows and totals, kept up to date by the stream's messages.

    It is not thread-safe: only the event loop may use it.

    :param stream: the stream
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._held = Held()
        self._totals: dict[str, Amount] = stream.total(())
        self._by_id: dict[RowId, Row] = {}
        self._rows: list[Row] = []
        self._shown_totals: dict[str, Any] | None = None

    @property
    def version(self) -> Version:
        """The version of the rows."""
        return self._held.version

    @property
    def rows(self) -> Sequence[Row]:
        """The rows in their order. The same sequence is returned each time, and later changes show in it."""
        return self._rows

    @property
    def totals(self) -> dict[str, Any]:
        """The totals, and the texts that are made of them. They are computed once after a change, for all pages."""
        if self._shown_totals is None:
            self._shown_totals = self.stream.shown_totals(self._totals)
        return self._shown_totals

    def get(self, row_id: RowId) -> Row | None:
        """Return the row with the given id, ``None`` if there is none."""
        return self._by_id.get(row_id)

    def knows(self, version: Version) -> bool:
        """Return whether the rows are, or have lately been, of this version."""
        return self._held.knows(version)

    def reset(self, version: Version, rows: Iterable[Row]) -> None:
        """Replace all rows by those of a snapshot."""
        self._shown_totals = None
        self._by_id = {row['id']: row for row in rows}
        self._rows = sorted(self._by_id.values(), key=self._rank, reverse=self.stream.is_descending)
        self._totals = self.stream.total(self._by_id.values())
        self._held.start_anew(version)

    def apply(self, delta: Delta) -> bool:
        """Apply a delta, unless it is an old one.

        :return: ``False`` if changes before the delta are missing; then nothing was changed
        """
        if self.knows(delta.version):
            return True
        if delta.base != self.version:
            return False
        for row in delta.put:
            self._remove(row['id'])
            self._by_id[row['id']] = row
            self._rows.insert(self._position(row), row)
            self._add(row, 1)
        for row_id in delta.deleted:
            self._remove(row_id)
        self._shown_totals = None
        self._held.move_on(delta.version)
        return True

    def _remove(self, row_id: RowId) -> None:
        if (old := self._by_id.pop(row_id, None)) is not None:
            del self._rows[self._position(old)]
            self._add(old, -1)

    def _position(self, row: Row) -> int:
        """Return the index of a row, or the index where it belongs. Binary search, so that long lists are fast, too."""
        rank = self._rank(row)
        if self.stream.is_descending:
            return bisect_left(self._rows, True, key=lambda other: self._rank(other) <= rank)
        return bisect_left(self._rows, rank, key=self._rank)

    def _rank(self, row: Row) -> tuple[Any, Any]:
        value = row[self.stream.order_field]
        return Decimal(value) if self.stream.is_order_decimal else value, row['id']

    def _add(self, row: Row, sign: int) -> None:
        for name, kind in self.stream.totals.items():
            self._totals[name] += sign * kind.of(row)
