"""The channels of a process. They answer when a browser's leader asks for rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from todosync.clock import clock
from todosync.database import DatabaseUnavailableError

from .answers import Answers
from .channel import Channel
from .messages import ScopeValue
from .rights import REFUSAL, RETRY_INTERVAL, Rights, person
from .scope import read_scope
from .scope_channels import ScopeChannels
from .stream import Stream
from .tasks import Tasks
from .version import NOTHING, Version


class Channels:
    """All channels of a process. Iterating gives those of the streams without scopes one by one.

    :param channels: the channels of the streams without scopes
    :param scopes: the streams with scopes, and their channels
    :param rights: tells who may read what
    :param user_of: returns the user of the socket with a Socket.IO id
    :param is_connected: returns whether the socket with a Socket.IO id is still there
    :param may_subscribe: returns whether the socket with a Socket.IO id may subscribe
    """

    def __init__(
        self,
        channels: Iterable[Channel],
        *,
        scopes: Iterable[ScopeChannels] = (),
        rights: Rights | None = None,
        user_of: Callable[[str], Any] = lambda sid: None,
        is_connected: Callable[[str], bool],
        may_subscribe: Callable[[str], bool],
    ) -> None:
        self._by_name = {channel.stream.name: channel for channel in channels}
        self._scopes = {each.stream.name: each for each in scopes}
        self._rights = rights or Rights(None)
        self._user_of = user_of
        self._is_connected = is_connected
        self._answers: dict[Channel, Answers] = {}
        self._ending = Tasks()
        for each in self._scopes.values():
            each.on_end = self._forget
        self._may_subscribe = may_subscribe

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._by_name.values())

    def of(self, stream: Stream) -> Channel:
        """Return the channel of a stream without scopes.

        :raises RuntimeError: ``setup()`` was not given the stream, or it has scopes
        """
        if stream.name in self._scopes:
            raise RuntimeError(f'the stream {stream.name!r} has a channel for each {stream.scope!r}; say which')
        if (channel := self._by_name.get(stream.name)) is None:
            raise RuntimeError(f'the stream {stream.name!r} is unknown; give it to todosync.setup(streams=[...])')
        return channel

    def watch(self, stream: Stream, scope: ScopeValue | None) -> tuple[Channel, Callable[[], None]]:
        """Return the channel of a scope, and what to call once when it is not needed any more.

        :param stream: the stream
        :param scope: the scope, ``None`` for a stream without scopes
        :raises RuntimeError: ``setup()`` was not given the stream
        """
        scopes = self._scopes.get(stream.name)
        if scopes is None or scope is None:
            return self.of(stream), lambda: None
        return scopes.watch(scope), partial(scopes.leave, scope)

    def now_of(self, stream: Stream) -> list[Channel]:
        """Return the channels that a stream has now, as many as there are scopes that somebody watches."""
        scopes = self._scopes.get(stream.name)
        return [self.of(stream)] if scopes is None else list(scopes)

    async def start(self) -> None:
        """Load the rows of all streams and listen to the cable."""
        for channel in self:
            await channel.start()
        for scopes in self._scopes.values():
            await scopes.start()

    async def stop(self) -> None:
        """Stop all channels; safe to call twice."""
        for answers in self._answers.values():
            await answers.stop()
        for channel in self:
            await channel.stop()
        for scopes in self._scopes.values():
            await scopes.stop()

    async def answer_fetch(self, sid: str, data: dict[str, Any]) -> dict[str, Any]:
        """Answer ``todosync_fetch``: subscribe a leader's socket to a stream, and have it sent what it lacks.

        :param sid: the Socket.IO id of the leader
        :param data: ``stream``, the name, ``scope``, and ``version``, what the browser holds (``None`` if nothing)
        :return: ``ok``. If it is true, a snapshot or a delta follows as ``todosync_answer``, or a message that says why
            the socket may not read, whether or not anybody may. If it is false, there is no such stream, no page of
            this process shows the scope, or the socket does not lead
        """
        stream, scope = str(data['stream']), data.get('scope')
        channel = self._find(stream, scope)
        asked = channel or self._unwatched(stream, scope)
        if asked is None or not self._may_subscribe(sid):
            return {'ok': False}
        if await self._is_refused(sid, asked):  # asked first: who may not read a scope does not learn whether others do
            await asked.dismiss(sid, REFUSAL)
            return {'ok': True}
        if channel is None or self._find(stream, channel.scope) is not channel:
            return {'ok': False}  # nobody watches it, or it has ended meanwhile
        if channel not in self._answers:
            self._answers[channel] = Answers(channel.key, channel.answer, self._is_connected)
        self._answers[channel].ask(sid, Version.from_message(data.get('version')) or NOTHING)
        return {'ok': True}

    async def dismiss_refused(self, streams: Iterable[Stream]) -> set[tuple[str, str]]:
        """End the subscriptions of sockets whose users may not read something any more.

        :param streams: whose rights have changed
        :return: the keys of the channels and the persons whose subscriptions have been ended
        """
        dismissed = set()
        for channel in [channel for stream in streams for channel in self.now_of(stream)]:
            admitted = channel.admitted()
            refused = await asyncio.to_thread(self._refused, channel, list(admitted.values()))
            for sid, user in admitted.items():
                if person(user) in refused:
                    await channel.dismiss(sid, REFUSAL)
                    dismissed.add((channel.key, person(user)))
        return dismissed

    def _find(self, stream_name: str, scope: Any) -> Channel | None:
        scopes = self._scopes.get(stream_name)
        if scopes is None:
            return self._by_name.get(stream_name) if scope is None else None
        try:
            return scopes.get(read_scope(scopes.stream, scope))
        except ValueError:
            return None

    def _unwatched(self, stream_name: str, scope: Any) -> Channel | None:
        """Return a channel that refuses a scope which nobody watches; ``None`` if the stream can have no such scope."""
        scopes = self._scopes.get(stream_name)
        if scopes is None or not self._rights.are_asked:
            return None
        try:
            asked = read_scope(scopes.stream, scope)
        except ValueError:
            return None
        return None if asked is None else scopes.make_channel(asked)

    async def _is_refused(self, sid: str, channel: Channel) -> bool:
        if not self._rights.are_asked:
            return False
        user = self._user_of(sid)
        channel.admit(sid, user)  # before the right is asked for, so that its loss meanwhile ends the subscription, too
        while self._is_connected(sid):
            try:
                return bool(await asyncio.to_thread(self._refused, channel, [user]))
            except DatabaseUnavailableError:
                await clock.sleep(RETRY_INTERVAL)
        return True

    def _refused(self, channel: Channel, users: Iterable[Any]) -> set[str]:
        by_person = {person(user): user for user in users}
        may_read = partial(self._rights.may_read, stream=channel.stream, scope=channel.scope)
        return {name for name, user in by_person.items() if not may_read(user)}

    def _forget(self, channel: Channel) -> None:
        """Answer nobody for a channel that has ended."""
        if answers := self._answers.pop(channel, None):
            for work in (*map(channel.tell_end_to, answers.waiting), answers.stop()):
                self._ending.begin(work)


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
