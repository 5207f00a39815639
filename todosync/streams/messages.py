"""The two messages that carry a stream: a snapshot, which is the whole list, and a delta, which is what has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
"""One row as it travels: JSON values by field name, always with an ``id``."""


@dataclass(frozen=True)
class Snapshot:
    """The whole list at a version. ``rows`` is newest first."""

    stream: str
    version: int
    rows: list[Row]
    totals: dict[str, Any]

    def message(self) -> dict[str, Any]:
        """Return the message as browsers receive it."""
        return {
            'stream': self.stream,
            'version': self.version,
            self.stream: self.rows,
            'totals': self.totals,
        }


@dataclass(frozen=True)
class Delta:
    """What became of the rows that changed after version ``base``, up to and including ``version``.

    It holds the rows' states, not the steps that led there, so it may be applied to any version from ``base`` on.
    """

    stream: str
    base: int
    version: int
    put: list[Row]
    deleted: list[int]

    def message(self, totals: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the message as browsers receive it."""
        message = {
            'stream': self.stream,
            'base': self.base,
            'version': self.version,
            'put': self.put,
            'del': self.deleted,
        }
        return message if totals is None else {**message, 'totals': totals}
