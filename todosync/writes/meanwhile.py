"""What has become of the fields of a write: what others have set meanwhile, and what the write itself was stored as."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from todosync.streams import Row, RowId, Stream

from .refusals import RefusedWriteError
from .shapes import shown_defaults

if TYPE_CHECKING:
    from .queues import QueuedWrite

TEXT_LENGTH = 80
"""How many characters of a text a refusal repeats."""


def set_by_others(stream: Stream, now: Mapping[str, Any], was: Mapping[str, Any], wanted: Row) -> dict[str, Any]:
    """Return the values of fields that are neither what an author saw before nor what they want, by field.

    :param now: the values as rows hold them
    :param was: what the author saw, or has set themselves
    :param wanted: what the author wants to be there
    """
    fine = {name: [stream.told(name, values[name]) for values in (was, wanted) if name in values] for name in now}
    return {name: now[name] for name in was if name in now and now[name] not in fine[name]}


def refuse_if_changed(stream: Stream, row: Any, was: Mapping[str, Any], wanted: Row) -> None:
    """Refuse to take a write back after which somebody has changed the same fields.

    :param row: an object of the stream's model
    :param was: what the write had set
    :param wanted: what is to be there again
    :raises RefusedWriteError: a field holds something else
    """
    changed = set_by_others(stream, told_values(stream, row, was), was, wanted)
    if changed:
        told = ', '.join(f'{name.replace("_", " ")}{_to(value)}' for name, value in changed.items())
        raise RefusedWriteError(f'Not undone: somebody has meanwhile changed it ({told})')


def told_values(stream: Stream, row: Any, names: Iterable[str]) -> Row:
    """Return values of an object of the model as rows hold them."""
    return {name: stream.told(name, getattr(row, name)) for name in names}


class Stored:
    """What the writes of a batch were stored as, where that is not what was sent: a rule removes spaces, for example.

    A later write of the batch says what its author saw, and that may be what they had sent.
    """

    def __init__(self) -> None:
        self._stored: dict[tuple[str, RowId, str], tuple[Any, Any]] = {}

    def note(self, write: QueuedWrite, sent: Row, outcome: Mapping[str, Any]) -> None:
        """Note what was stored in place of what was sent.

        :param sent: what the author of the write sees: its values, or what the verb shows
        :param outcome: that of the write; ``stored`` are the values that differ, by field
        """
        for name, value in outcome.get('stored', {}).items():
            if name in sent:
                self._stored[write.stream, write.id, name] = sent[name], value

    def seen(self, write: QueuedWrite) -> Row:
        """Return what the author of a write saw, with what was stored in place of what they had sent."""
        known = {name: self._stored.get((write.stream, write.id, name)) for name in write.was}
        return {
            name: found[1] if (found := known[name]) and found[0] == value else value
            for name, value in write.was.items()
        }


def differing(stream: Stream, row: Any, sent: Row, *, is_new: bool) -> dict[str, Any]:
    """Return what is stored in those fields of a write in which its author sees something else.

    :param row: the row after the write, an object of the stream's model
    :param sent: the values that the author has sent, or that the verb shows
    :param is_new: whether the row is new; then its author sees defaults in the other fields
    """
    if not sent:
        return {}
    seen = {name: stream.told(name, value) for name, value in sent.items() if name in stream.fields}
    if is_new:
        defaults = shown_defaults(stream)
        seen = {name: defaults[name] for name in stream.declared.fields if name in defaults} | seen
    return {name: value for name, value in told_values(stream, row, seen).items() if value != seen[name]}


def quoted(text: str) -> str:
    """Return a text in quotation marks; of a long one the beginning."""
    return f'“{text if len(text) <= TEXT_LENGTH else f"{text[: TEXT_LENGTH - 1].rstrip()}…"}”'


def _to(value: Any) -> str:
    return f': {quoted(value)}' if isinstance(value, str) and value else ''
