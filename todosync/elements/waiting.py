"""What waits in the browser of a person: how much it is, what it is, and a way to drop it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from todosync.runtime import current_server
from todosync.streams import carried

ONE = '1 change waiting'
OTHER = '{count} changes waiting'


class WaitingWrites(ui.element, component='waiting.js'):
    """Says how many changes of this person wait in this browser, of all streams; nothing while none waits for long.

    It is a button. It opens a list of the changes, in which each can be dropped: what is shown of it is taken back, and
    what was done to a row that it adds is dropped with it. What is being sent at that moment cannot be dropped.
    All of it works while the server is away.

    :param one: what it says of one change
    :param other: what it says of several; ``{count}`` stands for the number
    :param words: what changes are called: by the name of a verb, of a field, or of a field with its value. Others are
        called ``Add``, ``Change``, ``Delete``, ``Put back``, or by the name of the verb

    Example::

        WaitingWrites(words={('done', True): 'Check', ('done', False): 'Uncheck', 'text': 'Rename'})
    """

    def __init__(
        self, *, one: str = ONE, other: str = OTHER, words: Mapping[str | tuple[str, Any], str] | None = None
    ) -> None:
        super().__init__()
        self.props['one'] = self._one = one
        self.props['other'] = self._other = other
        self.props['words'] = {_key(what): word for what, word in (words or {}).items()}

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        count = sum(view.count_waiting() for view in current_server().views.of(self.client).values())
        said = self._one if count == 1 else self._other.replace('{count}', str(count))
        return [*super()._displayed_contents(only_visible=only_visible), *([said] if count else [])]


def _key(what: str | tuple[str, Any]) -> str:
    if isinstance(what, str):
        return what
    name, value = what
    return f'{name}={json.dumps(carried(value), separators=(",", ":"), ensure_ascii=False)}'
