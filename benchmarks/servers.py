"""Starts the programs that are measured, and fills their lists."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.server import RunningServer

APPS = Path(__file__).parent / 'apps'
PLAIN_TIMEOUT = 120.0
NICEGUI_PATIENCE = 3.0
"""NiceGUI's own reconnect timeout, from which the interval of its pings follows."""


@asynccontextmanager
async def serving(app: str, **settings: Any) -> AsyncIterator[RunningServer]:
    """Run one of the programs with an empty storage.

    :param app: ``instrumented``, ``plain``, ``bare_api`` or ``sockets``
    :param settings: settings of the app, as in ``ENV='production'``
    """
    with tempfile.TemporaryDirectory(prefix='todosync-benchmark-') as directory:
        server = RunningServer(Path(directory) / 'storage', main=APPS / f'{app}.py', **settings)
        await asyncio.to_thread(server.start)
        try:
            yield server
        finally:
            await asyncio.to_thread(server.stop)


@asynccontextmanager
async def serving_todos(count: int, **settings: Any) -> AsyncIterator[RunningServer]:
    """Run the app with so many todos."""
    async with serving('instrumented', **settings) as server:
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(_fill, server.storage / 'development.sqlite3', count)
        await asyncio.to_thread(server.start)
        yield server


@asynccontextmanager
async def serving_plain(count: int, patience: float = NICEGUI_PATIENCE) -> AsyncIterator[RunningServer]:
    """Run the plain NiceGUI app with so many todos.

    :param patience: seconds that a page outlives its connection
    """
    with tempfile.TemporaryDirectory(prefix='todosync-benchmark-') as directory:
        server = RunningServer(Path(directory) / 'storage', main=APPS / 'plain.py')
        server.environment |= {'PLAIN_TODOS': str(count), 'PLAIN_PATIENCE': str(patience)}
        await asyncio.to_thread(server.start)
        try:
            yield server
        finally:
            await asyncio.to_thread(server.stop)


async def post(server: RunningServer, path: str, **query: Any) -> Any:
    """Call one of a program's own routes."""
    async with httpx.AsyncClient(base_url=server.url, timeout=PLAIN_TIMEOUT) as client:
        response = await client.post(path, params=query)
        response.raise_for_status()
        return response.json()


def _fill(path: Path, count: int) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany('INSERT INTO todos(title) VALUES (?)', ((f'todo {number}',) for number in range(count)))
        # as on most days: the change log has the changes of the last day, and not the inserts of all todos
        connection.execute('DELETE FROM changes WHERE version < (SELECT max(version) FROM changes)')
    connection.close()
