"""A record of what was broadcast, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from nicegui import Client
from nicegui.testing import User

from todosync.runtime import current_server
from todosync.streams import Channel, Row, RowId, ScopeValue


@dataclass(frozen=True)
class Broadcast:
    """A message that told pages of a change.

    :ivar stream: the name of the stream
    :ivar scope: its scope, ``None`` for a stream without scopes
    :ivar version: the version of the rows after it
    :ivar put: the rows that were inserted or changed; all rows, if the message was a snapshot
    :ivar deleted: the ids of the rows that were deleted, or have left the scope
    :ivar pages: the ids of the pages that got it
    :ivar users: who has these pages open, as ``current_user`` tells it, each once; ``None`` for nobody

    Example::

        assert broadcasts[-1].users == ('ann',)
    """

    stream: str
    scope: ScopeValue | None
    version: int
    put: list[Row]
    deleted: list[RowId]
    pages: frozenset[str]
    users: tuple[Any, ...]


class Broadcasts(list[Broadcast]):
    """What was broadcast since the test began, in its order; a list of :class:`Broadcast`.

    Rows that a page shows when it is opened are part of the page, and no broadcast.

    Example::

        async def test_bob_hears_nothing_of_project_7(user, create_user, broadcasts):
            ...
            assert 7 not in {each.scope for each in broadcasts.to(bob)}
    """

    def to(self, user: User) -> list[Broadcast]:
        """Return what the page of a simulated person got.

        :param user: NiceGUI's ``User``, who has opened a page
        :raises AssertionError: they have opened no page

        Example::

            assert broadcasts.to(bob) == []
        """
        assert user.client is not None, 'the person has opened no page'
        return [each for each in self if user.client.id in each.pages]

    def note(self, channel: Channel, message: Any) -> None:
        """Note a message. The server calls this.

        :param channel: the channel that has sent it
        :param message: the message
        """
        told = orjson.loads(orjson.dumps(message))
        server = current_server()
        pages = server.views.showing(channel.key)
        clients = [Client.instances[page] for page in pages if page in Client.instances]
        self.append(
            Broadcast(
                told['stream'],
                told.get('scope'),
                told['version'][0],
                told.get('put', told.get(told['stream'], [])),
                told.get('del', []),
                frozenset(pages),
                tuple(dict.fromkeys(server.rights.user_of(client.request) for client in clients)),
            )
        )


@pytest.fixture
def broadcasts(user: User) -> Iterator[Broadcasts]:
    """Record what is broadcast during a test, and to whom. Import this fixture into ``conftest.py``.

    :param user: NiceGUI's fixture, which runs the app
    :return: the record, which grows

    Example::

        from todosync.testing import broadcasts, todosync_storage
    """
    record, listeners = Broadcasts(), current_server().message_listeners
    listeners.append(record.note)
    yield record
    listeners.remove(record.note)
