"""What waits in the browser of a person, before they sign out."""

from __future__ import annotations

from nicegui import context

ANSWER_TIMEOUT = 5.0
"""Seconds to wait for the browser."""
ASKING = 'return await todosync.writes?.{}() ?? 0'


async def count_waiting() -> int:
    """Return how many changes of this page's person wait in their browser, of all streams. Ask it before signing out.

    :raises TimeoutError: the browser has not answered within five seconds

    Example::

        if await count_waiting():
            ui.notify('Some changes are not saved yet. Sign out all the same?')
    """
    return await _ask('count')


async def forget_waiting() -> int:
    """Delete all that this page's person has waiting in their browser, and nothing of anybody else; for signing out.

    The changes are lost. Their pages keep none from then on, so load another page next.

    :return: how many changes waited
    :raises TimeoutError: the browser has not answered within five seconds

    Example::

        await forget_waiting()
        ui.navigate.to('/signed-out')
    """
    return await _ask('forget')


async def _ask(name: str) -> int:
    return int(await context.client.run_javascript(ASKING.format(name), timeout=ANSWER_TIMEOUT))
