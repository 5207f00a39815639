"""What happens to the tabs of a simulated person."""

from __future__ import annotations

from nicegui import Client
from nicegui.testing import User

from todosync.runtime import current_server
from todosync.tabs import Join


async def follow(user: User, leader: User) -> None:
    """Have a tab follow another one of the same browser, over whose socket it is served from then on.

    When the tab that leads is closed, see :func:`close_tab`, this one leads.

    :param user: NiceGUI's ``User``, who has opened a page; their second tab is ``User(leader.http_client)``
    :param leader: the tab that leads, which has opened a page, too
    :raises AssertionError: one has opened no page, or they are not of one browser

    Example::

        second = User(ann.http_client)
        await second.open('/')
        await follow(second, ann)
    """
    client, leading = _client_of(user), _client_of(leader)
    tabs, socket_id = current_server().tabs, _socket_of(leading)
    # there is no socket here; from where it would arrive everything is as for a browser
    tabs._connections.add_socket(socket_id)
    tabs._connections.page(leading)
    tabs._connections.assign(socket_id, leading.id)
    tabs.greet(socket_id, leading.id, '')
    document_id = next(iter(client._socket_to_document_id.values()))
    asked = Join(client_id=client.id, tab_id=user.tab_id, document_id=document_id, tab=client.id)
    answer = await tabs._carrying.join(socket_id, asked)
    assert answer['ok'], f'the tab cannot follow the other one ({answer["reason"]})'


def close_tab(user: User) -> None:
    """Close the tab of a simulated person, as far as the server hears of it: its connection ends.

    Others see that the person has gone after the 1.5 s in which a tab may come back. A tab that follows this one, see
    :func:`follow`, leads from then on.

    :param user: NiceGUI's ``User``, who has opened a page; afterwards they may open another one
    :raises AssertionError: they have opened no page

    Example::

        close_tab(ann)
        await bob.should_see('Here: Bob', retries=100)
    """
    client, user.client = _client_of(user), None
    for socket_id in list(client._socket_to_document_id):
        client.handle_disconnect(socket_id)
    server = current_server()
    server.tabs._connections.remove_socket(_socket_of(client))
    server.views.set_role(client, 'none')


def _client_of(user: User) -> Client:
    assert user.client is not None, 'the person has opened no page'
    return user.client


def _socket_of(client: Client) -> str:
    """Return the id of the socket by which a page leads."""
    return f'test-{client.id}'
