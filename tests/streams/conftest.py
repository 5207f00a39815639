"""Ids that a test can name."""

from __future__ import annotations

import pytest

from todosync import ids, new_id


class NoChance:
    """In place of ``secrets``."""

    @staticmethod
    def randbits(_: int) -> int:
        return 0


@pytest.fixture(autouse=True)
def ids_count_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the next todos of this process numbered 1, 2, 3, as in an empty database of SQLite."""
    monkeypatch.setattr(new_id, '_last', 0)
    monkeypatch.setattr(new_id, '_clock', ids.EPOCH.timestamp)
    monkeypatch.setattr(ids, 'secrets', NoChance)
