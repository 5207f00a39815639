"""What strangers send never makes more of the log than its line, nor a line of their own."""

from __future__ import annotations

import asyncio
import io
import logging
import logging.config
from collections.abc import Iterator
from typing import Literal

import orjson
import pytest
import socketio
import uvicorn

from tests.light_socket import LightSocket
from tests.sockets import Inbox, connect, serving
from todosync import Settings
from todosync.http.log_lines import escaped
from todosync.http.serving import log_configuration

FORGED = '2026-01-01 00:00:00,000 ERROR todosync: the disk is full'


class Log:
    """What is logged, as the app logs it in one of its profiles."""

    def __init__(self, env: Literal['development', 'production']) -> None:
        self.env = env
        self._stream = io.StringIO()

    def configure(self) -> None:
        """Configure logging, as uvicorn does when it starts."""
        logging.config.dictConfig(log_configuration(Settings(env=self.env)))
        (handler,) = logging.getLogger().handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(self._stream)

    def lines(self) -> list[str]:
        """Return what was logged, and see that it can be printed."""
        written = self._stream.getvalue().removesuffix('\n').split('\n')
        assert all(line.isprintable() for line in written)
        return written


@pytest.fixture(params=['development', 'production'])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """A log; leaves the loggers as they were."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    log = Log(request.param)
    log.configure()
    yield log
    root.handlers[:] = before
    root.setLevel(level)
    logging.getLogger('todosync').setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    'odd',
    [f'a\n{FORGED}', f'a\r{FORGED}', f'a\u2028{FORGED}', '\x1b[2J\x1b]0;title\x07', '\x7f\x80\u202e'],
    ids=['newline', 'return', 'separator', 'escape', 'invisible'],
)
def test_a_message_is_one_line_without_control_characters(log: Log, odd: str) -> None:
    logging.getLogger('nicegui').warning('%s not found', odd)
    (line,) = log.lines()
    assert 'not found' in line
    if log.env == 'production':
        assert orjson.loads(line)['msg'].endswith(' not found')


def test_half_a_character_can_be_written() -> None:
    assert escaped('half \ud83d', limit=100) == r'half \ud83d'


def test_a_traceback_cannot_bring_a_line_of_the_log(log: Log) -> None:
    try:
        raise ValueError(f'no number: \n{FORGED}\x1b[2J')
    except ValueError:
        logging.getLogger('todosync').exception('a handler failed')
    written = log.lines()
    assert not any(line.startswith('2026-01-01') for line in written)
    assert 'raise ValueError' in '\n'.join(written)
    assert len(written) == 1 or log.env == 'development'


def test_a_long_message_is_cut(log: Log) -> None:
    logging.getLogger('nicegui').error('begin %s end', 'x' * 900_000)
    logging.getLogger('nicegui').error('begin %s end', '\x00' * 900_000)
    try:
        raise ValueError('y' * 900_000)
    except ValueError:
        logging.getLogger('todosync').exception('a handler failed')
    written = log.lines()
    assert sum(map(len, written)) < 40_000
    assert 'begin xxx' in written[0]
    assert 'characters left out' in written[0]
    assert 'xxx end' in written[0]


async def send(server: uvicorn.Server, payload: bytes) -> LightSocket:
    socket = await connect(server, Inbox())
    socket.send(payload)
    assert await socket.call('are you there?', None) is True
    return socket


async def test_an_odd_frame_makes_one_short_line(log: Log) -> None:
    sio = socketio.AsyncServer(async_mode='asgi')
    sio.on('are you there?', lambda sid, data: True)
    log.configure()
    assert not sio.eio.logger.handlers  # its own would write everything once more, as it came
    async with serving(sio) as server:
        await send(server, b'42["a"')
    (line,) = log.lines()
    assert len(line) < 400


async def test_the_id_of_a_socket_cannot_bring_a_line_of_the_log(log: Log) -> None:
    sio = socketio.AsyncServer(async_mode='asgi')
    log.configure()
    async with serving(sio) as server:
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        query = 'EIO=4&transport=polling&sid=%0a{"level":"ERROR","logger":"todosync"}'
        writer.write(f'GET /socket.io/?{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'.encode())
        await reader.read()
        writer.close()
    (line,) = log.lines()
    assert 'Invalid session' in line
