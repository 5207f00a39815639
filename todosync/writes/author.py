"""Who makes a write. They may write only what they may read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from todosync.streams import ScopeValue, Stream


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


PROGRAM = Author()
"""The program itself."""
