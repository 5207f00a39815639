"""Rows do not move under the pointer while others add some: one click deletes the one todo that was meant."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page

from tests.e2e.browser import Tabs, eventually
from tests.server import RunningServer

DELETES = 30
AIM = """(index) => {
    const list = document.querySelector('.todo-rows').getBoundingClientRect();
    const places = [...document.querySelectorAll(".todo .icon-delete")];
    const buttons = places.map((button) => button.getBoundingClientRect());
    const seen = buttons.filter(({ top, bottom }) => top >= list.top && bottom <= list.bottom);
    const { left, top, width, height } = seen[index % seen.length];
    return [left + width / 2, top + height / 2];
}"""
POINTED_AT = """([x, y]) => {
    const idOf = (part) => part?.closest('.icon-delete')?.closest('.todo').id;
    const seenAt = performance.now();
    const press = ({ target }) => (window.pressed = { id: idOf(target), after: performance.now() - seenAt });
    document.addEventListener('pointerdown', press, { capture: true, once: true });
    return idOf(document.elementFromPoint(x, y));
}"""
TOO_SOON_MS = 500
"""Who presses later than this has seen what was there then. A slow machine makes a slow person."""


@contextmanager
def others(server: RunningServer, *, keep: int | None) -> Iterator[set[int]]:
    """Add todos, a few per second; yields the ids of those that the others have deleted, to keep the list short.

    :param keep: how many todos they leave in the list, all of them without
    """
    is_over = threading.Event()
    deleted: set[int] = set()

    def add() -> None:
        while not is_over.wait(0.25):
            server.add('of somebody else')
            for todo in server.todos()[keep:] if keep else ():
                if server.request('DELETE', f'/todos/{todo["id"]}')[0] == 204:
                    deleted.add(todo['id'])

    thread = threading.Thread(target=add)
    thread.start()
    try:
        yield deleted
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize('keep', [6, None], ids=['short list', 'long list'])
def test_thirty_clicks_delete_the_todos_that_they_were_meant_for(
    keep: int | None, tabs: Tabs, server: RunningServer
) -> None:
    for number in range(keep or 40):
        server.add(f'todo {number}')
    page = tabs.open()
    eventually(lambda: page.locator('.todo').count() > 5)
    known = {todo['id'] for todo in server.todos()}
    meant: set[int] = set()
    hit = 0
    choose = random.Random(1)
    with others(server, keep=keep) as deleted_by_others:
        while hit < DELETES:
            x, y = page.evaluate(AIM, choose.randrange(8))
            page.mouse.move(x, y)
            row_id = page.evaluate(POINTED_AT, [x, y])
            if row_id is None:
                continue
            meant.add(int(row_id.removeprefix('todo-')))
            page.wait_for_timeout(choose.randrange(300))  # a person takes a moment from seeing to clicking
            page.mouse.down()
            page.mouse.up()
            pressed = page.evaluate('pressed')
            if pressed['id'] and pressed['after'] > TOO_SOON_MS:
                meant.add(int(pressed['id'].removeprefix('todo-')))
            hit += wait_for_delete(page, row_id)
            known |= {todo['id'] for todo in server.todos()}
    gone = known - {todo['id'] for todo in server.todos()}
    assert gone - deleted_by_others <= meant, 'another todo than the one under the pointer was deleted'


def wait_for_delete(page: Page, row_id: str) -> bool:
    """Return whether a row goes within the time that a click takes. One that was held back leaves it there."""
    gone = '(id) => !document.getElementById(id)'
    try:
        page.wait_for_function(gone, arg=row_id, timeout=1000)
    except Exception:
        return False
    return True
