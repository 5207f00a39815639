"""The todo app, with a request at which its event loop hangs, and a thread of it in the middle of a transaction."""

import runpy
import time
from pathlib import Path

from nicegui import app, core
from sqlalchemy import text

from todosync.runtime import current_server


@app.get('/hang')
def hang() -> None:
    assert core.loop is not None
    with current_server().database.write() as session:
        session.execute(text("INSERT INTO todos(title) VALUES ('Never committed')"))
        core.loop.call_soon_threadsafe(hang_here)
        hang_here()


def hang_here() -> None:
    while True:
        time.sleep(1)


runpy.run_path(str(Path(__file__).parent.parent.parent / 'main.py'), run_name='__main__')
