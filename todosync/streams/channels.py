"""The channels of a process, by the names of their streams. They answer when a browser's leader asks for rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .answers import Answers
from .channel import Channel
from .stream import Stream
from .version import NOTHING, Version


class Channels:
    """All channels of a process. Iterating gives them one by one.

    :param channels: the channels
    :param is_connected: returns whether the socket with a Socket.IO id is still there
    :param may_subscribe: returns whether the socket with a Socket.IO id may subscribe
    """

    def __init__(
        self,
        channels: Iterable[Channel],
        *,
        is_connected: Callable[[str], bool],
        may_subscribe: Callable[[str], bool],
    ) -> None:
        self._by_name = {channel.stream.name: channel for channel in channels}
        self._answers = {channel: Answers(channel.stream.name, channel.answer, is_connected) for channel in self}
        self._may_subscribe = may_subscribe

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._by_name.values())

    def of(self, stream: Stream) -> Channel:
        """Return a stream's channel.

        :raises RuntimeError: ``setup()`` was not given the stream
        """
        if (channel := self._by_name.get(stream.name)) is None:
            raise RuntimeError(f'the stream {stream.name!r} is unknown; give it to todosync.setup(streams=[...])')
        return channel

    async def start(self) -> None:
        """Load the rows of all streams and listen to the cable."""
        for channel in self:
            await channel.start()

    async def stop(self) -> None:
        """Stop all channels; safe to call twice."""
        for answers in self._answers.values():
            await answers.stop()
        for channel in self:
            await channel.stop()

    async def answer_fetch(self, sid: str, data: dict[str, Any]) -> dict[str, Any]:
        """Answer ``todosync_fetch``: subscribe a leader's socket to a stream, and have it sent what it lacks.

        :param sid: the Socket.IO id of the leader
        :param data: ``stream``, the name, and ``version``, what the browser holds (``None`` if nothing)
        :return: ``ok``; if it is true, a snapshot or a delta comes as ``todosync_answer``
        """
        channel = self._by_name.get(str(data['stream']))
        if channel is None or not self._may_subscribe(sid):
            return {'ok': False}
        self._answers[channel].ask(sid, Version.from_message(data.get('version')) or NOTHING)
        return {'ok': True}


def check_names(streams: Iterable[Stream]) -> None:
    """Refuse what is no stream, and streams of the same name.

    :raises TypeError: one is no stream; the message says which, and what to do
    :raises ValueError: two have the same name; the message says which, and what to do
    """
    by_name: dict[str, Stream] = {}
    for stream in streams:
        if not isinstance(stream, Stream):
            raise TypeError(f'{stream!r} is no stream; give `streams` a list of them, as in [Stream(Note)]')
        other = by_name.setdefault(stream.name, stream)
        if other is not stream:
            tables = f'{str(other.table.name)!r} and {str(stream.table.name)!r}'
            remedy = 'give one of them another `name`'
            raise ValueError(f'two streams, of the tables {tables}, have the name {stream.name!r}; {remedy}')
