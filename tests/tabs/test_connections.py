"""Which socket is whose, while pages end."""

from __future__ import annotations

from pathlib import Path

from nicegui import Client
from nicegui.testing import user_simulation

from todosync.tabs.connections import Connections
from todosync.tabs.page import Route

MAIN = """
from nicegui import ui
@ui.page('/')
def index(): ui.label('here')
ui.run()
"""


async def test_an_app_may_delete_any_page_when_it_is_told_that_a_socket_has_ended(tmp_path: Path) -> None:
    main = tmp_path / 'main.py'
    main.write_text(MAIN)
    async with user_simulation(main_file=main) as user:
        for _ in range(3):
            await user.http_client.get('/')
        leader, *followers = list(Client.instances.values())[-3:]
        told: list[Client] = []

        def delete_all(client: Client, virtual_sid: str) -> None:
            told.append(client)
            for page in (leader, *followers):
                connections.remove_page(page.id)

        connections = Connections(on_end=delete_all, on_release=lambda client: None)
        connections.add_socket('socket')
        connections.page(leader)
        connections.assign('socket', leader.id)
        for number, follower in enumerate(followers):
            connections.page(follower)
            connections.carry(follower.id, Route('socket', f'tab {number}', f'carried-{number}'))

        assert connections.remove_socket('socket') == {leader.id}
        assert len(told) == 1, 'who is deleted already is not told'
        assert connections.carried_count == 0
        assert all(connections.find_page(page.id) is None for page in (leader, *followers))
