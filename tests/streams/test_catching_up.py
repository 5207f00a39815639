"""Catching up: one reading for all who ask meanwhile, another for those who ask too late, and no giving up."""

from __future__ import annotations

import asyncio

import pytest

from todosync.streams.catching_up import CatchingUp


class Reading:
    """Counts how often it was begun, and ends when the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.errors: list[Exception] = []
        self.gate = asyncio.Event()

    async def __call__(self) -> None:
        self.begun += 1
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop()


async def test_who_asks_while_it_reads_waits_for_one_more_reading() -> None:
    reading = Reading()
    catching_up = CatchingUp('todos', reading)
    first = catching_up.start()
    await asyncio.sleep(0)
    assert reading.begun == 1
    assert [catching_up.start() for _ in range(3)] == [first] * 3, 'all wait for the same task'
    reading.gate.set()
    await first
    assert reading.begun == 2


async def test_each_ask_after_the_end_reads_anew() -> None:
    reading = Reading()
    reading.gate.set()
    catching_up = CatchingUp('todos', reading)
    await catching_up.start()
    await catching_up.start()
    assert reading.begun == 2


async def test_it_tries_again_after_errors(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr('todosync.streams.catching_up.RETRY_INTERVAL', 0.0)
    reading = Reading()
    reading.gate.set()
    reading.errors = [OSError('the disk is gone'), RuntimeError('so is the database')]
    await CatchingUp('todos', reading).start()
    assert reading.begun == 3
    assert caplog.text.count('the todos could not be read') == 2


async def test_stopping_ends_it_twice_over() -> None:
    reading = Reading()
    catching_up = CatchingUp('todos', reading)
    await catching_up.stop()
    running = catching_up.start()
    await asyncio.sleep(0)
    await catching_up.stop()
    await catching_up.stop()
    assert running.cancelled()
