"""What an upgrade puts in place never comes under the URL of what was there before."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import nicegui
import pytest

from tests.server import ROOT, RunningServer
from todosync.tabs.modules import FIRST_SCRIPT

MAIN = """
from nicegui import ui

import todosync


class Part(ui.element, component='part.js'):
    pass


class SpecialPart(Part):
    pass


settings = todosync.Settings.from_environment()
todosync.add_production(todosync.setup(settings))


@ui.page('/')
def index() -> None:
    Part()
    SpecialPart()


ui.run(**todosync.run_options(settings))
"""
NICEGUI_URL = f'/_nicegui/{nicegui.__version__}'
YEAR = 365 * 24 * 3600
KEPT = 40
"""How many bytes at the beginning of a module are the same when it was put together with others."""

pytestmark = pytest.mark.any_database


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder with an app, todosync and NiceGUI, all of which an upgrade may replace."""
    release = tmp_path / 'release'
    for name in ('todosync', 'assets'):
        shutil.copytree(ROOT / name, release / name)
    shutil.copytree(Path(nicegui.__file__).parent, release / 'nicegui')
    (release / 'main.py').write_text(MAIN)
    (release / 'part.js').write_text('export default {template: "<p>old</p>"};')
    return release


@pytest.fixture
def server(tmp_path: Path, release: Path) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path / 'storage', main=release / 'main.py', ENV='production')
    server.environment['PYTHONPATH'] = str(release)
    server.start()
    yield server
    server.stop()


def replace(path: Path) -> None:
    """Put another file in place, of the same time and length, as in two images of which all files have one time."""
    times, content = path.stat(), path.read_bytes()
    draft = path.with_name('draft')
    draft.write_bytes(content.replace(b'old', b'new').replace(b'/**', b'/*+'))
    assert draft.read_bytes() != content
    os.utime(draft, ns=(times.st_atime_ns, times.st_mtime_ns))
    draft.replace(path)


def url_in_page(server: RunningServer, name: str) -> str:
    (found,) = set(re.findall(rf'"(/_nicegui/[^"]*/{re.escape(name)})"', httpx.get(server.url).text))
    return str(found)


@pytest.mark.parametrize(('name', 'served'), [('part.js', 'part.js'), ('assets/tabs/election.js', 'leader.js')])
def test_a_running_process_goes_on_with_its_own_files_and_the_next_one_has_other_urls(
    server: RunningServer, release: Path, name: str, served: str
) -> None:
    former = url_in_page(server, served)
    content = httpx.get(server.url + former).content
    assert (release / name).read_bytes()[:KEPT] in content
    replace(release / name)
    answer = httpx.get(server.url + former)
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers['Cache-Control'] == f'public, max-age={YEAR}, immutable'
    assert 'Set-Cookie' not in answer.headers
    assert url_in_page(server, served) == former

    server.restart()
    answer = httpx.get(server.url + former)  # a page of the process before; assets/first.js loads it again
    assert (answer.status_code, answer.headers.get('Cache-Control')) == (404, 'no-store')
    current = url_in_page(server, served)
    assert current != former
    assert (release / name).read_bytes()[:KEPT] in httpx.get(server.url + current).content


def test_another_nicegui_does_not_come_under_the_urls_of_the_one_that_runs(
    server: RunningServer, release: Path
) -> None:
    url = f'{server.url}{NICEGUI_URL}/static/nicegui.js'
    assert httpx.get(url).is_success
    replace(release / 'nicegui' / 'static' / 'nicegui.js')
    answer = httpx.get(url)
    assert (answer.status_code, answer.headers['Cache-Control']) == (404, 'no-store')
    kept = httpx.get(f'{server.url}{NICEGUI_URL}/static/quasar.umd.prod.js')
    assert (kept.status_code, kept.headers['Cache-Control'].split(',')[0]) == (200, 'public')


def test_that_a_file_is_missing_is_not_kept(server: RunningServer) -> None:
    for path in (
        'components/nothing/nothing.js',
        'static/nothing.js',
        'libraries/nothing.js',
        'esm/nothing/nothing.js',
    ):
        answer = httpx.get(f'{server.url}{NICEGUI_URL}/{path}')
        assert (answer.status_code, answer.headers['Cache-Control']) == (404, 'no-store'), path
    answer = httpx.get(server.url + url_in_page(server, 'leader.js').replace('leader.js', FIRST_SCRIPT + '.map'))
    assert (answer.status_code, answer.headers['Cache-Control']) == (404, 'no-store')
