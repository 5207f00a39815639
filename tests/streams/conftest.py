"""What the tests of streams share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import socketio
import uvicorn
from nicegui.server import Server

from tests.sockets import serving
from tests.streams.house import House
from todos import TODOS


@pytest.fixture
async def server(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[uvicorn.Server]:
    house.sio.on('are you there?', lambda sid, data: 'yes')
    async with serving(house.sio) as server:
        monkeypatch.setattr(Server, 'instance', server, raising=False)
        yield server


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    house = House(database_url, socketio.AsyncServer(async_mode='asgi'))

    def build() -> None:
        house.database.migrate()
        house.database.install_change_log(TODOS.log_table)

    await asyncio.to_thread(build)
    house.cable.start()
    yield house
    await house.stop()
