"""What a process writes, and how it ends, when its event loop stands still, whatever its other threads do meanwhile."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.server import ROOT

HANGING = """
import asyncio, ctypes, threading, time
from todosync.production.deadline import LoopDeadline

def start_threads():
    def go_deep(depth):
        return depth and go_deep(depth - 1)
    while True:
        threads = [threading.Thread(target=go_deep, args=(50,)) for _ in range(3)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]

async def stop_and_go_on():
    deadline = LoopDeadline(0.5)
    deadline.start()
    await asyncio.sleep(0)
    deadline.stop()
    await asyncio.sleep(1)
    time.sleep(1)

async def hang():
    LoopDeadline(0.5).start()
    await asyncio.sleep(0)
    for _ in range(3):
        threading.Thread(target=start_threads, daemon=True).start()
    while True:
        time.sleep(0.01)

async def hang_in_c_code():
    LoopDeadline(0.5).start()
    await asyncio.sleep(0)
    ctypes.PyDLL(None).sleep(100)  # with Python's lock

if __name__ == '__main__':
    asyncio.run({function}())
"""


def run(function: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, '-c', HANGING.replace('{function}', function)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.parametrize('attempt', range(5))
def test_a_process_whose_threads_come_and_go_says_all_of_it_before_it_ends(attempt: int) -> None:
    ended = run('hang')
    assert ended.returncode == 1
    assert 'stood still for 0.5 s' in ended.stderr
    assert 'in hang\n' in ended.stderr


@pytest.mark.long
def test_a_process_ends_that_hangs_where_pythons_lock_is_kept() -> None:
    ended = run('hang_in_c_code')
    assert ended.returncode == 1
    assert 'in hang_in_c_code\n' in ended.stderr


def test_who_watches_no_longer_may_stand_still() -> None:
    assert run('stop_and_go_on').returncode == 0
