"""What looks again and again goes on whatever is raised, and tells it once."""

from __future__ import annotations

import asyncio

import pytest

from todosync.streams.looking import Looking


async def test_what_is_raised_each_time_is_told_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    looks, enough = 0, asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 6:
            enough.set()
        if looks < 5:
            raise LookupError('nobody thought of it')

    looking = Looking('the rights', look, 0.001)
    looking.start()
    await enough.wait()
    await looking.stop()
    told = [(record.levelname, bool(record.exc_info)) for record in caplog.records if 'the rights' in record.message]
    assert told == [('WARNING', True), ('WARNING', False)]
    assert 'reading the rights works again' in caplog.text
    assert '4 failures' in caplog.text
