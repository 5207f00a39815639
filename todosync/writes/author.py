"""Who makes a write. They may write only what they may read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from todosync.streams import NOT_STORED, ScopeValue, Stream, name_of

WHO_LENGTH = 100
"""Characters of what the history notes of an author; what is longer is cut."""


def _may_read_all(stream: Stream, scope: ScopeValue | None) -> bool:
    return True


@dataclass(frozen=True)
class Author:
    """Who makes a write.

    :ivar user: as ``setup(current_user=...)`` tells it, ``None`` for nobody, and for the program itself
    :ivar may_read: returns whether they may read a scope of a stream; if not, they may not write to it either. The
        program itself may read everything

    Example::

        await server.writer.in_thread(server.writer.insert, NOTES, fields, author=server.author(request))
    """

    user: Any = None
    may_read: Callable[[Stream, ScopeValue | None], bool] = field(default_factory=lambda: _may_read_all)

    @property
    def who(self) -> str:
        """What the history notes: the name of the user, or else their ``id`` or number; empty for nobody."""
        key = getattr(self.user, 'id', self.user)
        known = name_of(self.user) or (str(key) if isinstance(key, int | str | UUID) else '')
        return NOT_STORED.sub('\ufffd', known)[:WHO_LENGTH]


PROGRAM = Author()
"""The program itself."""
