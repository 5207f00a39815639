"""The promises of the cache, kept by every adapter, and those of the files."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import diskcache
import pytest

from tests.processes import run_at_once, start_python
from todosync.streams import Cache, CacheEntry, DiskCache, MemoryCache, Version

TTL = 3600.0
SIZE_LIMIT = 2**20
COMPUTE_ONCE = """
import sys, time
from pathlib import Path
from todosync.streams import CacheEntry, DiskCache, Version
at = lambda number: Version(number, 'mark')
cache = DiskCache(Path(sys.argv[1]), 3600, 2**20)
def compute():
    print('computed')
    time.sleep(0.5)
    return CacheEntry(at(7), b'[7]')
wait()
assert cache.fetch('todos', at(7), compute) == CacheEntry(at(7), b'[7]')
"""
READ_AND_WRITE = """
import sys
from pathlib import Path
from todosync.streams import CacheEntry, DiskCache, Version
at = lambda number: Version(number, 'mark')
cache = DiskCache(Path(sys.argv[1]), 3600, 2**20)
wait()
for number in range(300):
    entry = cache.fetch('todos', at(number), lambda: CacheEntry(at(number), b'%d' % number * 1000))
    assert entry == CacheEntry(at(number), b'%d' % number * 1000), entry.version
    if number % 7 == 0:
        cache.cull()
"""
STORE_LATE = """
import sys
from pathlib import Path
from todosync.streams import CacheEntry, DiskCache, Version
at = lambda number: Version(number, 'mark')
def compute():
    print('computing', flush=True)
    input()
    return CacheEntry(at(1), b'old')
print(DiskCache(Path(sys.argv[1]), 3600, 2**20).fetch('todos', at(1), compute).value)
"""


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(diskcache.core.time, 'time', clock)  # it takes no clock
    return clock


@pytest.fixture(params=['memory', 'disk'])
def cache(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Iterator[Cache]:
    cache: Cache = MemoryCache(TTL, clock) if request.param == 'memory' else disk_cache(tmp_path)
    yield cache
    cache.close()
    cache.close()


def disk_cache(directory: Path) -> DiskCache:
    return DiskCache(directory / 'production_cache', TTL, SIZE_LIMIT)


def at(number: int, mark: str = 'mark') -> Version:
    return Version(number, mark)


def give(number: int, value: bytes = b'[]', mark: str = 'mark') -> Callable[[], CacheEntry]:
    return lambda: CacheEntry(at(number, mark), value)


def never() -> CacheEntry:
    pytest.fail('this had to come from the cache')


def test_what_was_computed_is_kept(cache: Cache) -> None:
    assert cache.fetch('todos', at(1), give(1, b'[1]')) == CacheEntry(at(1), b'[1]')
    assert cache.fetch('todos', at(1), never) == CacheEntry(at(1), b'[1]')
    assert (cache.usage.hits, cache.usage.misses) == (1, 1)


def test_keys_are_kept_apart(cache: Cache) -> None:
    cache.fetch('todos', at(1), give(1, b'todos'))
    cache.fetch('notes/of ../mine', at(1), give(1, b'notes'))
    assert cache.fetch('todos', at(1), never).value == b'todos'
    assert cache.fetch('notes/of ../mine', at(1), never).value == b'notes'


def test_an_entry_of_another_version_is_a_miss(cache: Cache) -> None:
    cache.fetch('todos', at(5), give(5, b'five'))
    assert cache.fetch('todos', at(6), give(6, b'six')).value == b'six'
    assert cache.fetch('todos', at(6), never).value == b'six'
    assert cache.fetch('todos', at(5), give(6, b'anew')).value == b'anew'


def test_an_entry_of_another_history_is_a_miss_and_gives_way_whatever_its_number(cache: Cache) -> None:
    cache.fetch('todos', at(9), give(9, b'before'))
    assert cache.fetch('todos', at(9, 'other'), give(9, b'same number', 'other')).value == b'same number'
    assert cache.fetch('todos', at(2, 'third'), give(2, b'put back', 'third')).value == b'put back'
    assert cache.fetch('todos', at(2, 'third'), never).value == b'put back'


def test_what_has_no_mark_is_the_same_as_nothing(cache: Cache) -> None:
    cache.fetch('todos', at(1, ''), give(1, b'first', ''))
    assert cache.fetch('todos', at(1, ''), give(1, b'second', '')).value == b'second'


def test_an_entry_lives_as_long_as_it_may(cache: Cache, clock: Clock) -> None:
    cache.fetch('todos', at(1), give(1, b'first'))
    clock.now += TTL - 1
    assert cache.fetch('todos', at(1), never).value == b'first'
    clock.now += 2
    assert cache.fetch('todos', at(1), give(1, b'second')).value == b'second'


def test_culling_drops_what_has_expired_and_nothing_else(cache: Cache, clock: Clock) -> None:
    cache.fetch('old', at(1), give(1))
    clock.now += TTL / 2
    cache.fetch('young', at(1), give(1, b'young'))
    clock.now += TTL / 2 + 1
    cache.cull()
    assert cache.fetch('young', at(1), never).value == b'young'
    assert cache.fetch('old', at(1), give(1, b'again')).value == b'again'


def test_a_computation_that_raises_is_not_kept_and_blocks_nobody(cache: Cache) -> None:
    def fail() -> CacheEntry:
        raise OSError('the database is gone')

    with pytest.raises(OSError, match='the database is gone'):
        cache.fetch('todos', at(1), fail)
    assert cache.fetch('todos', at(1), give(1, b'back')).value == b'back'


def test_concurrent_misses_compute_once(cache: Cache) -> None:
    computed: list[None] = []
    release = threading.Event()

    def compute() -> CacheEntry:
        computed.append(None)
        assert release.wait(20)
        return CacheEntry(at(1), b'once')

    found: list[bytes] = []

    def ask() -> None:
        found.append(cache.fetch('todos', at(1), compute).value)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    release.set()
    for thread in threads:
        thread.join()
    assert (found, len(computed)) == ([b'once'] * 8, 1)


def test_who_asks_for_a_newer_version_never_gets_the_one_that_is_being_computed(cache: Cache) -> None:
    computing, release = threading.Event(), threading.Event()

    def compute_slowly() -> CacheEntry:
        computing.set()
        assert release.wait(20)
        return CacheEntry(at(1), b'old')

    slow = threading.Thread(target=lambda: cache.fetch('todos', at(1), compute_slowly))
    slow.start()
    assert computing.wait(20)
    found: list[bytes] = []
    quick = threading.Thread(target=lambda: found.append(cache.fetch('todos', at(2), give(2, b'new')).value))
    quick.start()
    release.set()
    slow.join()
    quick.join()
    assert found == [b'new']
    assert cache.fetch('todos', at(2), never).value == b'new'


def test_it_refuses_to_block_an_event_loop(cache: Cache) -> None:
    async def misuse() -> None:
        with pytest.raises(RuntimeError, match='would block the event loop'):
            cache.fetch('todos', at(1), give(1))

    asyncio.run(misuse())


def test_on_disk_it_outlives_the_process(tmp_path: Path) -> None:
    first = disk_cache(tmp_path)
    first.fetch('todos', at(1), give(1, b'kept'))
    first.close()
    assert disk_cache(tmp_path).fetch('todos', at(1), never).value == b'kept'


def test_on_disk_concurrent_misses_of_several_processes_compute_once(tmp_path: Path) -> None:
    outputs = run_at_once(3, COMPUTE_ONCE, str(tmp_path / 'cache'))
    assert sum(output.count('computed') for output in outputs) == 1


def test_on_disk_several_processes_read_and_write_without_error(tmp_path: Path) -> None:
    run_at_once(3, READ_AND_WRITE, str(tmp_path / 'cache'))


def test_on_disk_a_process_that_stores_late_replaces_nothing_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('todosync.streams.disk_cache.COMPUTE_PATIENCE', 0.05)  # the other process is taken to hang
    cache = DiskCache(tmp_path / 'cache', TTL, SIZE_LIMIT)
    late = start_python(STORE_LATE, str(tmp_path / 'cache'))
    assert late.stdout is not None
    assert late.stdout.readline() == 'computing\n'
    cache.fetch('todos', at(2), give(2, b'new'))
    assert late.communicate('go\n', timeout=60)[0] == "b'old'\n"
    assert cache.fetch('todos', at(2), never).value == b'new'


def test_on_disk_it_keeps_bytes_and_no_pickles_where_only_the_owner_can_look(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / 'production_cache', TTL, 64 * 2**20)
    cache.fetch('todos', at(1), give(1, b'[]'))
    cache.fetch('large', at(1), give(1, b'x' * 5 * 2**20))
    directory = tmp_path / 'production_cache'
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    rows = sqlite3.connect(directory / 'cache.db').execute('SELECT key, raw, mode FROM Cache').fetchall()
    assert {key for key, _, _ in rows} == {'todos', 'large'}
    assert {(raw, mode) for _, raw, mode in rows} == {(1, diskcache.core.MODE_RAW), (1, diskcache.core.MODE_BINARY)}


def test_on_disk_a_pickle_that_somebody_put_there_is_never_loaded(tmp_path: Path) -> None:
    intruder = diskcache.Cache(str(tmp_path / 'production_cache'))
    intruder.set('todos', Bomb())
    intruder.close()
    assert disk_cache(tmp_path).fetch('todos', at(1), give(1, b'safe')).value == b'safe'
    assert not Bomb.exploded


class Bomb:
    exploded = False

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return explode, ()


def explode() -> None:
    Bomb.exploded = True


@pytest.mark.parametrize('damage', ['delete the directory', 'delete the file', 'write garbage', 'empty the file'])
def test_on_disk_a_damaged_directory_is_made_anew_without_an_error(tmp_path: Path, damage: str) -> None:
    cache, directory = disk_cache(tmp_path), tmp_path / 'production_cache'
    cache.fetch('todos', at(1), give(1, b'before'))
    match damage:
        case 'delete the directory':
            shutil.rmtree(directory)
        case 'delete the file':
            (directory / 'cache.db').unlink()
        case 'write garbage':
            for path in directory.iterdir():
                path.write_bytes(b'garbage' * 1000)
        case 'empty the file':
            (directory / 'cache.db').write_bytes(b'')
    assert cache.fetch('todos', at(2), give(2, b'after')).value == b'after'
    cache.fetch('todos', at(2), give(2, b'after'))
    assert cache.fetch('todos', at(2), never).value == b'after'
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_on_disk_a_directory_that_cannot_be_made_costs_only_speed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / 'production_cache').write_text('a file is in the way')
    (tmp_path / 'production_cache').chmod(0o400)
    cache = disk_cache(tmp_path)
    assert [cache.fetch('todos', at(1), give(1, b'computed')).value for _ in range(3)] == [b'computed'] * 3
    cache.cull()
    assert caplog.text.count('the cache cannot be used') == 1


def test_on_disk_it_stays_within_its_size(tmp_path: Path) -> None:
    cache = disk_cache(tmp_path)
    for number in range(64):
        cache.fetch(f'list {number}', at(1), give(1, b'x' * 2**16))
    cache.cull()
    used = sum(path.stat().st_size for path in (tmp_path / 'production_cache').rglob('*') if path.suffix != '.db-wal')
    assert used < 2 * SIZE_LIMIT


def test_a_busy_cache_is_a_miss_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('todosync.streams.disk_cache.PATIENCE', 0.05)
    cache = disk_cache(tmp_path)
    cache.fetch('todos', at(1), give(1))
    holder = sqlite3.connect(tmp_path / 'production_cache' / 'cache.db', isolation_level=None)
    holder.execute('BEGIN EXCLUSIVE')
    started = time.monotonic()
    assert cache.fetch('todos', at(2), give(2, b'computed')).value == b'computed'
    assert time.monotonic() - started < 20
    holder.close()
