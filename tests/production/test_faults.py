"""What breaks in production: what is refused is refused clearly, what was acknowledged stays, and all comes back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.browser import Chromium, Tabs, eventually, shown, stopped
from tests.postgres import PostgresServer
from tests.production.stack import RunningStack
from tests.server import RunningServer, running_server
from todosync.production import watchdog

pytestmark = pytest.mark.long

WRITERS = 16
DISK_SIZE = 32 * 2**20
EXT4 = Path('/sys/fs/ext4')
REFUSAL_TIMEOUT = 60.0
"""Seconds; a locked database is waited for before it is given up."""
as_root = pytest.mark.skipif(os.getuid() != 0, reason='only root can mount a small disk')


class Writer:
    """Adds todos one after the other, and remembers what was acknowledged, with what answers, and what failed."""

    def __init__(self, server: RunningServer, name: str) -> None:
        self._server = server
        self._name = name
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.acknowledged: list[str] = []
        self.answers: list[str] = []
        self.failed = 0

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _write(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            title = f'{self._name} {number}'
            try:
                status, answer = self._server.request('POST', '/todos', {'todo': {'title': title}})
            except OSError:
                status = 0  # nobody listens, or the answer did not come
            if status == 201:
                self.answers.append(answer['title'])
                self.acknowledged.append(title)
            else:
                self.failed += 1
                self._stopping.wait(0.02)


def wait_for_more(*writers: Writer, count: int = 20) -> None:
    """Wait until as many more writes of each have been acknowledged."""
    goals = [len(writer.acknowledged) + count for writer in writers]
    eventually(lambda: all(len(writer.acknowledged) >= goal for writer, goal in zip(writers, goals, strict=True)))


def titles(server: RunningServer) -> set[str]:
    return {todo['title'] for todo in server.todos()}


def refused(server: RunningServer, title: str) -> str:
    """Try to add a todo, expect a refusal, and return its reason."""
    answer = httpx.post(f'{server.url}/todos', json={'todo': {'title': title}}, timeout=REFUSAL_TIMEOUT)
    assert answer.status_code == 503, answer.text
    (reason,) = answer.json()['errors']
    return str(reason)


@pytest.mark.parametrize('name', ['app-0', 'app-1', 'caddy'])
def test_killing_a_process_under_load_loses_nothing_that_was_acknowledged(stack: RunningStack, name: str) -> None:
    writers = [Writer(stack, f'{name} {number}') for number in range(WRITERS)]
    with ExitStack() as running:
        for writer in writers:
            running.enter_context(writer)
        wait_for_more(*writers)
        killed = stack.processes[name]
        stack.kill_process(name)
        wait_for_more(*writers)
    eventually(stack.is_up)
    assert stack.processes[name] != killed
    written = [todo['title'] for todo in stack.todos()]
    for writer in writers:
        assert writer.answers == writer.acknowledged, "somebody's write was taken for somebody else's"
        assert set(writer.acknowledged) <= set(written)
    assert len(written) == len(set(written)), 'something was written twice'


@pytest.mark.any_database
def test_a_killed_process_under_load_is_hardly_noticed(stack: RunningStack) -> None:
    with Writer(stack, 'noticed') as writer:
        wait_for_more(writer)
        stack.kill_process('app-0')
        wait_for_more(writer, count=100)
    eventually(stack.is_up)
    assert writer.failed <= 2, 'only what was under way may fail'


@pytest.mark.any_database
def test_a_process_that_hangs_is_passed_by_until_it_is_back(stack: RunningStack) -> None:
    cookies = stack.cookies()

    def answers(cookie: str) -> bool:
        return httpx.get(f'{stack.url}/todos', cookies={'todosync_process': cookie}, timeout=5).is_success

    watchdog.connect(stack.runtime).stopProcess('watchdog')  # it would end this process before long
    hung = stack.processes['app-0']
    with stopped(hung):
        for cookie in cookies:
            eventually(lambda cookie=cookie: answers(cookie))  # type: ignore[misc]
        stack.add('While one hangs')
    eventually(stack.is_up)
    assert stack.processes['app-0'] == hung
    watchdog.connect(stack.runtime).startProcess('watchdog', False)


class SmallDisk:
    """A file system of its own that can be filled and made read-only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={DISK_SIZE}', 'tmpfs', str(path)], check=True)

    def remove(self) -> None:
        subprocess.run(['umount', '--lazy', str(self.path)], check=True)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no byte free for the time of a block."""
        filling = self.path / 'filling'
        try:
            with filling.open('wb', buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        except OSError:
            yield
        finally:
            filling.unlink()

    def make_read_only(self) -> None:
        """Refuse writes from now on."""
        subprocess.run(['mount', '-o', 'remount,ro', str(self.path)], check=True)


@pytest.fixture(scope='module')
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path_factory.mktemp('disk') / 'mount')
    yield disk
    disk.remove()


@pytest.fixture(scope='module')
def server(disk: SmallDisk) -> Iterator[RunningServer]:
    with running_server(disk.path / 'storage', ENV='production', BUSY_TIMEOUT=1) as server:
        server.add('Before')
        yield server


@as_root
def test_a_full_disk_refuses_writes_clearly_and_serves_what_is_there(disk: SmallDisk, server: RunningServer) -> None:
    before = server.todos()
    with disk.full():
        reasons = {refused(server, f'Refused {"x" * 400} {n}') for n in range(20)}
        assert all('full' in reason for reason in reasons), reasons
        report = server.request('GET', '/up')[1]
        assert (report['status'], 'full' in report['writing']['error']) == ('degraded', True), (
            'before anything else fails'
        )
        assert server.todos() == before
        assert server.request('GET', '/', Accept='text/html')[0] == 200
    server.add('After the full disk')
    assert 'writing' not in server.request('GET', '/up')[1]
    assert len(server.todos()) == len(before) + 1


@as_root
def test_a_locked_database_refuses_writes_clearly_and_serves_reads(server: RunningServer) -> None:
    with closing(sqlite3.connect(server.storage / 'production.sqlite3', isolation_level=None)) as other_program:
        other_program.execute('BEGIN IMMEDIATE')
        assert 'locked' in refused(server, 'While locked')
        assert 'Before' in titles(server)
    server.add('After the lock')
    assert 'While locked' not in titles(server)


@as_root
def test_a_deleted_cache_is_made_again(server: RunningServer) -> None:
    shutil.rmtree(server.storage / 'production_cache')
    server.add('Without a cache')
    assert 'Without a cache' in titles(server)
    assert server.request('GET', '/', Accept='text/html')[0] == 200
    assert server.is_up()


@pytest.fixture
def ordinary_server(tmp_path: Path, database_kind: str, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    """A server to which the permissions of files apply, also where it runs as root."""
    settings = {'DATABASE_URL': new_database()} if database_kind == 'postgresql' else {}
    server = RunningServer(tmp_path / 'storage', ENV='production', **settings)
    if os.getuid() == 0:
        server.command[:0] = ['setpriv', '--bounding-set', '-dac_override']
    server.start()
    yield server
    server.stop()


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Forbid to write to a directory and to everything in it, for the time of a block."""
    modes = {path: path.stat().st_mode for path in (directory, *directory.rglob('*'))}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            with suppress(FileNotFoundError):
                path.chmod(mode)


def export(server: RunningServer) -> tuple[int, Any]:
    return server.request('GET', '/todos/export.json')


def test_a_storage_directory_that_turns_read_only_refuses_writes_clearly_and_serves_what_is_there(
    ordinary_server: RunningServer, chromium: Chromium, database_kind: str
) -> None:
    server = ordinary_server
    on_sqlite = database_kind == 'sqlite'  # on PostgreSQL only what is kept on this machine is concerned
    context = chromium.fresh_context()
    page = Tabs(context, server).open()
    acknowledged = [server.add('Before')['title']]
    with read_only(server.storage):
        if on_sqlite:
            eventually(lambda: is_refused_to_a_crowd(server, acknowledged))
            assert 'readonly' in refused(server, 'While it cannot be written')
        else:
            acknowledged.append(server.add('In PostgreSQL')['title'])
        assert titles(server) == set(acknowledged)
        status, answer = export(server)
        assert (status, 'Permission denied' in answer['errors'][0]) == (503, True)
        late = Tabs(context, server).open()
        eventually(lambda: [todo['title'] for todo in shown(late)] == acknowledged[::-1])
        assert server.is_up()
    # the first write may meet a connection from before, and be refused once more
    acknowledged.append(eventually(lambda: server.add('After'))['title'])
    assert titles(server) == set(acknowledged)
    assert export(server) == (200, server.todos())
    for each in (page, late):
        eventually(lambda each=each: [todo['title'] for todo in shown(each)] == acknowledged[::-1])  # type: ignore[misc]
    context.close()


def is_refused_to_a_crowd(server: RunningServer, acknowledged: list[str]) -> bool:
    """Have many read at once, for which the server opens more files, and return whether it then refuses a write.

    What it has open for writing it may go on to write to; such a write is acknowledged and has to last.
    """
    with ThreadPoolExecutor(16) as pool:
        assert {status for status, _ in pool.map(lambda _: server.request('GET', '/todos'), range(48))} == {200}
    title = f'Over an open file {len(acknowledged)}'
    status, _ = server.request('POST', '/todos', {'todo': {'title': title}})
    if status == 201:
        acknowledged.append(title)
    return status == 503


class FailingDisk:
    """A file system that turns read-only under open files, as ext4 does when the disk fails."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / 'mount'
        self._image = directory / 'image'
        self.path.mkdir()
        self._run('truncate', '--size', str(DISK_SIZE), self._image)
        self._run('mkfs.ext4', '-q', '-F', self._image)
        self._mount()

    def fail(self) -> None:
        """Refuse every write from now on."""
        device = self._run('findmnt', '--noheadings', '--output', 'SOURCE', self.path)
        (EXT4 / Path(device).name / 'trigger_fs_error').write_text('1')

    def repair(self) -> None:
        """Mount it anew; nobody may use it at that time."""
        self.remove()
        self._run('e2fsck', '-p', self._image, expect={0, 1})  # 1: errors were corrected
        self._mount()

    def remove(self) -> None:
        self._run('umount', self.path)

    def _mount(self) -> None:
        self._run('mount', '-o', 'loop,errors=remount-ro', self._image, self.path)

    @staticmethod
    def _run(*command: str | Path, expect: Container[int] = (0,)) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in expect, (command, done.stderr)
        return done.stdout.strip()


@pytest.mark.skipif(
    os.getuid() != 0 or not EXT4.exists() or not Path('/dev/loop-control').exists(),
    reason='only root can have a disk fail, where there are ext4 and loop devices',
)
def test_a_disk_that_turns_read_only_refuses_writes_clearly_and_has_all_that_was_acknowledged(tmp_path: Path) -> None:
    disk = FailingDisk(tmp_path)
    server = RunningServer(disk.path / 'storage', ENV='production')
    server.log_path = tmp_path / 'server.log'
    try:
        server.start()
        with Writer(server, 'until it fails') as writer:
            wait_for_more(writer)
        disk.fail()  # between two writes: an fsync that is under way ext4 may call done though it is not
        assert 'disk I/O error' in refused(server, 'While it cannot be written')
        assert titles(server) == set(writer.acknowledged)
        assert server.request('GET', '/', Accept='text/html')[0] == 200
        status, answer = export(server)
        assert (status, 'Read-only file system' in answer['errors'][0]) == (503, True)
        server.stop()
        disk.repair()
        server.start()
        assert titles(server) == set(writer.acknowledged)
        server.add('After')
        assert export(server) == (200, server.todos())
    finally:
        server.stop()
        disk.remove()


@as_root
def test_a_read_only_storage_directory_is_named_at_the_start(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / 'disk')
    try:
        disk.make_read_only()
        server = RunningServer(tmp_path / 'elsewhere')
        server.environment['TODOSYNC_STORAGE_DIR'] = str(disk.path / 'storage')
        with pytest.raises(RuntimeError, match=r'TODOSYNC_STORAGE_DIR: .*Read-only file system'):
            server.start()
    finally:
        disk.remove()


def test_postgresql_may_be_restarted_under_load(
    postgres_of_its_own: PostgresServer, tmp_path: Path, chromium: Chromium
) -> None:
    stack = RunningStack(tmp_path / 'stack', DATABASE_URL=postgres_of_its_own.create_database())
    stack.start()
    context = chromium.fresh_context()
    try:
        page = Tabs(context, stack).open()
        with Writer(stack, 'under load') as writer:
            wait_for_more(writer)
            postgres_of_its_own.stop('immediate')
            assert refused(stack, 'While it is away')
            postgres_of_its_own.start()
            eventually(stack.is_up)
            wait_for_more(writer)
        assert set(writer.acknowledged) <= titles(stack)
        eventually(lambda: [todo['title'] for todo in shown(page)] == [todo['title'] for todo in stack.todos()])
    finally:
        context.close()
        stack.stop()
