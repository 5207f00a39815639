"""What teams do wrong: each message says what was refused, why, and what to do."""

from __future__ import annotations

import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from nicegui import app
from nicegui.testing import user_simulation
from sqlmodel import Field, SQLModel

import todosync
from tests.server import ROOT, free_port, outer_environment, running_server
from tests.waiting import wait_until
from todosync import Settings, Stream, count, total
from todosync.testing import todosync_storage

__all__ = ['todosync_storage']

PROGRAM = """
from nicegui import ui
from sqlmodel import Field, SQLModel
import todosync


class Note(SQLModel, table=True):
    __tablename__ = 'slips'
    id: int | None = Field(default=None, primary_key=True)
    text: str
    urgent: bool = False


NOTES = todosync.Stream(
    Note, name='notes', totals={'all': todosync.count()}, texts=lambda totals: {'summary': f'{totals["all"]} notes'}
)
settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[NOTES])


@ui.page('/')
def index():
    view = todosync.use_stream(NOTES)
    todosync.LiveTitle(view, 'summary')
    todosync.LiveText(view, 'summary')
    notes = todosync.LiveList(view, text='text', row_height=24)
    with notes:
        row = ui.element('span').props(':textContent="props.row.text.trim()" :title="props.row.toString()"')
        row.on('click', print, js_handler='() => emit(props.row.id, props.row["urgent"])')
    shown = todosync.BrowserChoice('shown', ['Urgent'])
    notes.show_by(shown, {'Urgent': {'urgent': True}})


ui.run(**todosync.run_options(settings))
"""


class Jotting(SQLModel, table=True):
    __tablename__ = 'jottings'
    id: int | None = Field(default=None, primary_key=True)
    text: str


@pytest.mark.parametrize(
    ('options', 'reason', 'remedy'),
    [
        ({'order_by': '-txet'}, "has no column 'txet', in `order_by`", 'name a column of the model'),
        ({'totals': {'urgent': count('urgnt')}}, "has no column 'urgnt', in the total 'urgent'", 'name a column'),
        (
            {'totals': {'sum': total('text')}},
            "cannot add up 'text' in the total 'sum'",
            'name a column of whole numbers',
        ),
        (
            {'name': 'my-notes'},
            "has a name 'my-notes' that triggers cannot name",
            'use letters, digits and underscores',
        ),
        ({'order_by': ('-text', 'id')}, "has ('-text', 'id') as its `order_by`", 'give one name as a text; rows with'),
        ({'order_by': 'txet'}, "has no column 'txet'", "name a column of the model; did you mean 'text'?"),
        ({'fields': 'id'}, "has 'id' as its `fields`", "give the names of columns, as in ('id', 'text')"),
        (
            {'fields': ('id', 'txet')},
            "has no column 'txet'",
            "name columns of the model in `fields`; did you mean 'text'",
        ),
        ({'totals': {'all': count}}, "as the total 'all'", 'make totals by count() or total()'),
        ({'totals': [count()]}, 'as its `totals`', "give totals by name, as in {'all': count()}"),
        (
            {'texts': {'summary': 7}},
            'as its `texts`, which are no texts',
            'give texts by name, as in',
        ),
    ],
)
def test_a_stream_that_cannot_work_is_refused_where_it_is_declared(
    options: dict[str, object], reason: str, remedy: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as refusal:
        Stream(Jotting, **options)
    assert f'; {remedy}' in str(refusal.value)


def test_a_field_that_cannot_be_written_is_refused_where_it_is_declared() -> None:
    with pytest.raises(ValueError, match=r"has no column 'txet' to be written; .* did you mean 'text'\?"):
        Stream(Jotting).writable('txet')
    with pytest.raises(ValueError, match=re.escape("give names one by one, as in writable('text', 'urgent')")):
        Stream(Jotting).writable(['text'])


@pytest.mark.parametrize(
    ('texts', 'said'),
    [
        (lambda totals: {'s': f'{totals["al"]}'}, "has no total 'al'; it has 'all'; did you mean 'all'?"),
        (lambda totals: {'s': f'{1 / totals["all"]}'}, 'cannot make the `texts` of an empty list (ZeroDivisionError'),
        (lambda totals: 'none', "has `texts` that return 'none'; return texts by name"),
    ],
)
def test_texts_that_cannot_be_made_are_refused_by_setup(texts: Any, said: str, tmp_path: Path) -> None:
    stream = Stream(Jotting, totals={'all': count()}, texts=texts)
    with pytest.raises(ValueError, match=re.escape(said)) as refusal:
        todosync.setup(Settings(storage_dir=tmp_path), streams=[stream])
    assert "the stream 'jottings'" in str(refusal.value)


def test_setup_says_what_it_wants(tmp_path: Path) -> None:
    settings = Settings(storage_dir=tmp_path)
    with pytest.raises(TypeError, match=r'is no stream; give `streams` a list of them, as in \[Stream\(Note\)\]'):
        todosync.setup(settings, streams=[Jotting])
    with pytest.raises(TypeError, match=r'the settings come first; .* setup\(settings, streams=\[NOTES\]\)'):
        todosync.setup([Stream(Jotting)])


MISTAKES = {
    'setup forgotten': (
        'todosync.setup(settings, streams=[NOTES])',
        '',
        r'there is no server yet; call todosync\.setup\(settings, streams=\[\.\.\.\]\) before ui\.run\(\)',
    ),
    'stream forgotten': (
        'streams=[NOTES]',
        'streams=[]',
        r"the stream 'notes' is unknown; give it to todosync\.setup\(streams=\[\.\.\.\]\)",
    ),
    'total misspelt': ("view, 'summary'", "view, 'sumary'", "has no total 'sumary'; it has 'all', 'summary'"),
    'text misspelt': ("text='text'", "text='txt'", "has no field 'txt'; it has 'id', 'text', 'urgent'"),
    'choice misspelt': ("{'urgent': True}", "{'urgnt': True}", "has no field 'urgnt'; it has 'id', 'text', 'urgent'"),
    'field of a row misspelt': (
        'props.row.text.trim()',
        'props.row.txet.trim()',
        r"reads props\.row\.txet, but the stream 'notes' has no field 'txet'; .*did you mean 'text'\?",
    ),
    'field of a handler misspelt': (
        'props.row["urgent"]',
        'props.row["urgnt"]',
        r"a row of the list reads props\.row\[.urgnt.\], but .* did you mean 'urgent'\?",
    ),
    'lambda as a job': (
        '    view = todosync',
        '    todosync.enqueue(lambda: None)\n    view = todosync',
        '<lambda> cannot be imported by name, so no job can run it; make it a function of a module',
    ),
    'write on the event loop': (
        '    view = todosync',
        '    with todosync.current_server().database.write():\n        pass\n    view = todosync',
        r'Writing to the database would block the event loop; call it in a thread: await asyncio\.to_thread',
    ),
}


def program(folder: Path, text: str) -> Path:
    path = folder / 'main.py'
    path.write_text(text)
    return path


@pytest.mark.parametrize('mistake', MISTAKES)
async def test_a_mistake_in_a_page_is_explained(
    mistake: str, tmp_path: Path, todosync_storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(app.state, 'todosync', raising=False)  # the server of another test
    right, wrong, said = MISTAKES[mistake]
    assert right in PROGRAM
    async with user_simulation(main_file=program(tmp_path, PROGRAM.replace(right, wrong))) as user:
        with pytest.raises((RuntimeError, TypeError, ValueError), match=said):
            await user.http_client.get('/')


def test_the_program_without_a_mistake_runs(tmp_path: Path) -> None:
    program(tmp_path, PROGRAM)
    with running_server(tmp_path / 'storage', main=tmp_path / 'main.py') as server:
        assert server.request('GET', '/', Accept='text/html')[0] == 200


@contextmanager
def started(folder: Path, **settings: str) -> Iterator[Iterator[str]]:
    """Start the program, and give the lines that it writes."""
    settings = {'STORAGE_DIR': str(folder / 'storage'), 'PORT': str(free_port()), **settings}
    process = subprocess.Popen(
        [sys.executable, str(folder / 'main.py')],
        env=outer_environment()
        | {'PYTHONPATH': str(ROOT), 'PYTHONUNBUFFERED': '1'}
        | {f'TODOSYNC_{name}': value for name, value in settings.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield iter(process.stdout)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_model_that_has_more_columns_than_its_table_is_told(tmp_path: Path) -> None:
    program(tmp_path, PROGRAM)
    (tmp_path / 'storage').mkdir()
    path = tmp_path / 'storage' / 'development.sqlite3'
    with closing(sqlite3.connect(path)) as database:
        database.execute('CREATE TABLE slips(id INTEGER PRIMARY KEY, text TEXT NOT NULL)')
    port = free_port()
    with started(tmp_path, PORT=str(port)) as lines:
        line = next(line for line in lines if 'ERROR' in line)
        assert "the table 'slips' lacks 'urgent', which its model has; add that by a migration" in line
        with closing(sqlite3.connect(path)) as database:
            database.execute('ALTER TABLE slips ADD COLUMN urgent BOOLEAN NOT NULL DEFAULT 0')
        wait_until(lambda: is_up(port))


def test_a_setup_that_comes_too_late_is_told(tmp_path: Path) -> None:
    late = 'app.on_startup(lambda: todosync.setup(settings, streams=[NOTES]))'
    text = PROGRAM.replace('from nicegui import ui', 'from nicegui import app, ui')
    program(tmp_path, text.replace('todosync.setup(settings, streams=[NOTES])', late))
    with started(tmp_path) as lines:
        assert any('call todosync.setup() before ui.run(), not in app.on_startup()' in line for line in lines)


def is_up(port: int) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f'http://127.0.0.1:{port}/up').status_code == 200
    return False


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    program(tmp_path, PROGRAM)
    with (
        socket.create_server(('127.0.0.1', 0)) as other,
        started(tmp_path, PORT=str(other.getsockname()[1])) as lines,
    ):
        [line] = lines
    assert 'address already in use; set TODOSYNC_HOST and TODOSYNC_PORT to an address' in line


@pytest.mark.parametrize('env', ['development', 'production'])
def test_a_mistake_in_a_page_is_one_short_traceback_in_the_log(env: str, tmp_path: Path) -> None:
    right, wrong, _ = MISTAKES['field of a row misspelt']
    program(tmp_path, PROGRAM.replace(right, wrong))
    port = free_port()
    with started(tmp_path, PORT=str(port), ENV=env) as lines:
        wait_until(lambda: is_up(port))
        for _ in range(2):
            assert httpx.get(f'http://127.0.0.1:{port}/', headers={'Accept': 'text/html'}).status_code == 500
        httpx.get(f'http://127.0.0.1:{port}/up')
        log: list[str] = []
        while sum('ValueError: a row of' in line for line in log) < 2:
            log.append(next(lines))
    text = ''.join(log)
    assert text.count('Traceback') == 2, 'one for each time that the page was asked for'
    assert 'Exception in ASGI application' not in text
    assert 'starlette' not in text
    assert len(log) < 40, text


def test_an_app_that_is_loaded_again_takes_its_own_address(tmp_path: Path) -> None:
    program(
        tmp_path,
        PROGRAM.replace('run_options(settings)', 'run_options(settings, reload=True)').replace(
            'ui.run', "if __name__ in {'__main__', '__mp_main__'}: ui.run"
        ),
    )
    port = free_port()
    with started(tmp_path, PORT=str(port)):
        wait_until(lambda: is_up(port))


@pytest.mark.parametrize(
    ('setting', 'value', 'said'),
    [
        ('STORAGE_DIR', '/dev/null', "File exists: '/dev/null'; name a directory that can be written to"),
        ('PORT', 'http', 'Input should be a valid integer'),
        ('ENV', 'prod', "Input should be 'development' or 'production'"),
        ('DATABASE_URL', 'mysql://db/notes', 'should be like sqlite:////var/lib/todos.sqlite3 or postgresql'),
        ('MIGRATIONS', '/dev', 'should be a directory of Alembic migrations, with an env.py'),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(
    setting: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f'TODOSYNC_{setting}', value)
    with pytest.raises(SystemExit) as end:
        Settings.from_environment()
    [line] = str(end.value.code).splitlines()
    assert line.startswith(f'TODOSYNC_{setting}: ')
    assert said in line
