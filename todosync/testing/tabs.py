"""What happens to the tabs of a simulated person."""

from __future__ import annotations

from nicegui.testing import User

from todosync.runtime import current_server


def close_tab(user: User) -> None:
    """Close the tab of a simulated person, as far as the server hears of it: its connection ends.

    Others see that the person has gone after the 1.5 s in which a tab may come back.

    :param user: NiceGUI's ``User``, who has opened a page; afterwards they may open another one
    :raises AssertionError: they have opened no page

    Example::

        close_tab(ann)
        await bob.should_see('Here: Bob', retries=100)
    """
    client, user.client = user.client, None
    assert client is not None, 'the person has opened no page'
    for socket_id in list(client._socket_to_document_id):
        client.handle_disconnect(socket_id)
    current_server().views.set_role(client, 'none')
