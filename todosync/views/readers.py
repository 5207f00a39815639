"""Gives each view its rows when it is known that the page's user may read them, and takes them away again."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Collection, Iterable
from typing import Any

from nicegui import Client, background_tasks
from starlette.requests import Request

from todosync.clock import clock
from todosync.database import DatabaseUnavailableError
from todosync.streams import REFUSAL, Channel, Channels, Rights, ScopeValue, Stream, person

from .view import View
from .views import Views

RETRY_INTERVAL = 1.0
"""Seconds until it is asked again what somebody may read, after a database that could not be read."""


class Readers:
    """Asks for each view whether its page's user may read what it shows. Belongs to the event loop.

    :param rights: tells who may read what
    :param channels: have the rows
    :param views: the views
    """

    def __init__(self, rights: Rights, channels: Channels, views: Views) -> None:
        self._rights = rights
        self._channels = channels
        self._views = views
        self._requests: weakref.WeakKeyDictionary[View, Request] = weakref.WeakKeyDictionary()
        self._questions: weakref.WeakKeyDictionary[View, object] = weakref.WeakKeyDictionary()
        """For each view the latest question. The answers to earlier ones do not count."""
        self._asking: weakref.WeakKeyDictionary[View, object] = weakref.WeakKeyDictionary()
        """The questions that have not been answered."""

    def begin(self, view: View, request: Request, channel: Channel, release: Callable[[], None]) -> None:
        """Have a view show a channel's rows as soon as it is known that its user may read them.

        :param view: the view
        :param request: the request of its page
        :param channel: the channel
        :param release: called when the channel is not needed any more
        """
        self._requests[view] = request
        question = self._questions[view] = self._asking[view] = object()
        background_tasks.create(self._admit(view, request, question, channel, release))

    def are_asking(self, client: Client, key: str) -> bool:
        """Return whether it is not known yet what a page's user may read.

        :param client: the page
        :param key: the key of the view
        """
        return self._views.of(client).get(key) in self._asking

    async def ask_again(self, streams: Iterable[Stream], dismissed: Collection[tuple[str, str]]) -> None:
        """Ask again for the views of streams, because their rights have changed.

        :param streams: the streams
        :param dismissed: the subscriptions of browsers that have been ended: keys of channels, and persons
        """
        for view in [view for stream in streams for view in self._views.of_stream(stream)]:
            request = self._requests.get(view)
            if request is None:
                continue
            user = self._rights.user_of(request)
            may_read = await self._may_read(user, view.stream, view.scope)
            if view.is_closed:
                continue
            if not may_read:
                self._questions.pop(view, None)  # an earlier answer counts no more
                if not view.refused:
                    view.withhold(REFUSAL)
            elif view.refused:
                self.begin(view, request, *self._channels.watch(view.stream, view.scope))
            elif (view.key, person(user)) in dismissed:
                view.ask_browser()

    async def _admit(
        self, view: View, request: Request, question: object, channel: Channel, release: Callable[[], None]
    ) -> None:
        try:
            await self._admit_or_refuse(view, request, question, channel, release)
        finally:
            if self._asking.get(view) is question:
                del self._asking[view]

    async def _admit_or_refuse(
        self, view: View, request: Request, question: object, channel: Channel, release: Callable[[], None]
    ) -> None:
        user = self._rights.user_of(request)
        while True:
            try:
                may_read = await self._may_read(user, view.stream, view.scope)
                break
            except DatabaseUnavailableError:
                await clock.sleep(RETRY_INTERVAL)
        if may_read:
            await channel.catch_up()  # the right is that of now, so they must not see rows that are gone by now
        was_refused = bool(view.refused)
        if view.is_closed or self._questions.get(view) is not question:
            release()
        elif may_read:
            view.show(channel, release)
            if was_refused:
                view.ask_browser()
        else:
            release()
            view.withhold(REFUSAL)

    async def _may_read(self, user: Any, stream: Stream, scope: ScopeValue | None) -> bool:
        return await asyncio.to_thread(self._rights.may_read, user, stream, scope)
