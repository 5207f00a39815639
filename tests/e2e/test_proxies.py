"""Behind proxies that do not pass on what they should, the tabs of a browser share one socket all the same."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Playwright

from tests.e2e.browser import Chromium, eventually, status
from tests.server import RunningServer, free_port, outer_environment, running_server
from todosync.production.programs import caddy_program

pytestmark = [pytest.mark.any_database, pytest.mark.long]

NAME = 'todos.test'
"""Browsers do not trust it as they trust localhost: they do not say where a request comes from, and have no locks."""


@contextmanager
def without_host(server: RunningServer, directory: Path) -> Iterator[int]:
    """Run a proxy that asks the server under the server's own address, and keeps the name of the site to itself."""
    port = free_port()
    (directory / 'Caddyfile').write_text(f"""{{
        admin off
        auto_https off
    }}
    http://:{port} {{
        bind 127.0.0.1
        reverse_proxy 127.0.0.1:{server.port} {{
            header_up Host 127.0.0.1:{server.port}
            header_up -X-Forwarded-Host
        }}
    }}""")
    command = [caddy_program(), 'run', '--config', str(directory / 'Caddyfile')]
    environment = {**outer_environment(), 'XDG_CONFIG_HOME': str(directory), 'XDG_DATA_HOME': str(directory)}
    with (directory / 'caddy.log').open('wb') as log:
        proxy = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        eventually(lambda: httpx.get(f'http://127.0.0.1:{port}/up').is_success)
        yield port
    finally:
        proxy.terminate()
        proxy.wait(20)


def test_behind_a_proxy_that_does_not_pass_the_host_tabs_share_a_socket_and_write(
    playwright: Playwright, tmp_path: Path
) -> None:
    chromium = Chromium(playwright, tmp_path / 'profile', f'--host-resolver-rules=MAP {NAME} 127.0.0.1')
    chromium.start()
    try:
        with running_server(tmp_path / 'storage') as server, without_host(server, tmp_path) as port:
            refused: list[str] = []
            context = chromium.fresh_context()
            context.on('response', lambda response: refused.append(response.url) if response.status >= 400 else None)
            pages = []
            for _ in range(2):  # the first one on the first visit, without a cookie
                pages.append(context.new_page())
                pages[-1].goto(f'http://{NAME}:{port}/')
                eventually(lambda: status(pages[-1])['connected'])
            eventually(lambda: server.connections() == {'sockets': 1, 'followers': 1})
            for page, title in zip(pages, ('Buy milk', 'Buy bread'), strict=True):
                page.get_by_role('textbox').first.fill(title)
                page.get_by_role('textbox').first.press('Enter')
                eventually(lambda title=title: title in [todo['title'] for todo in server.todos()])  # type: ignore[misc]
            assert refused == []
    finally:
        chromium.stop()
