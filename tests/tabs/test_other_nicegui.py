"""Where NiceGUI is another inside, each tab keeps its own socket, one line says what is needed, and nothing stays."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from tests.server import ROOT, RunningServer, running_server
from tests.sockets import until
from tests.tabs.test_tabs import Browser
from todosync.tabs.nicegui_contract import REQUIREMENT

FORMER = '3.17.1'


@pytest.mark.parametrize('variant', ['signature', 'reason'])
async def test_each_tab_keeps_its_own_socket_and_one_line_says_what_is_needed(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('VARIANT', variant)
    with running_server(tmp_path, main=ROOT / 'tests' / 'apps' / 'other_nicegui.py') as server:
        await should_keep_sockets_apart(server)


@pytest.fixture
def former_nicegui(tmp_path: Path) -> Path:
    former = tmp_path / 'former'
    install = [sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--target', str(former), f'nicegui=={FORMER}']
    if subprocess.run(install, capture_output=True, timeout=300, check=False).returncode:
        pytest.skip('another NiceGUI comes from the package index, which cannot be reached')
    program = 'import nicegui; print(nicegui.__version__)'
    environment = {**os.environ, 'PYTHONPATH': str(former)}
    found = subprocess.run([sys.executable, '-c', program], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == FORMER
    return former


@pytest.mark.long
async def test_with_the_last_nicegui_that_is_too_old_each_tab_keeps_its_own_socket(
    tmp_path: Path, former_nicegui: Path
) -> None:
    server = RunningServer(tmp_path / 'storage', main=ROOT / 'tests' / 'apps' / 'features.py')
    server.environment['PYTHONPATH'] = f'{former_nicegui}{os.pathsep}{server.environment["PYTHONPATH"]}'
    server.start()
    try:
        await should_keep_sockets_apart(server)
    finally:
        server.stop()


async def should_keep_sockets_apart(server: RunningServer) -> None:
    browser = Browser(server)
    for _ in range(3):
        pages = [await browser.open() for _ in range(2)]
        async with browser.lead(pages[0]) as first, browser.lead(pages[1]) as second:
            assert server.connections() == {'sockets': 2, 'followers': 0}
            for socket in (first, second):
                data = socket.page.click(1)['data']
                await socket.sio.emit('event', data)
                await until(lambda socket=socket: any(event == 'update' for event, _ in socket.received))
            stranger = replace(pages[0], client_id=str(uuid.uuid4()))
            assert await first.call('todosync_hello', stranger.hello()) == {'ok': False}
        await until(lambda: server.connections() == {'sockets': 0, 'followers': 0})
    log = server.log_path.read_text()
    assert log.count(REQUIREMENT) == 1
    assert 'Traceback' not in log
    assert 'accept_handshake' not in log
