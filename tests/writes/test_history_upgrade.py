"""A build without a history works beside one that keeps it; its database gets one when the next build starts."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from tests.builds import check_out
from tests.databases import execute, other_program
from todos import MIGRATIONS
from todos.models import TODOS
from todosync.database.database import Database
from todosync.writes import Author, Writer

WITHOUT_HISTORY = 'bc33c3f'
PROGRAM = """
import sys
from todos import MIGRATIONS, TODOS
from todosync.database import Database, LogWatch
from todosync.writes import Author, Writer

database = Database(sys.argv[1], migrations=MIGRATIONS)
database.migrate()
database.install_change_log(TODOS.log_table)
LogWatch(database, [TODOS.log_table]).look()
writer = Writer(database)
writer.prepare()
todo = writer.insert(TODOS, {'title': sys.argv[2]}, author=Author('Ann'))
writer.update(TODOS, todo, {'completed': True}, author=Author('Ann'))
database.close()
"""


def test_builds_with_and_without_a_history_write_side_by_side(database_url: str, tmp_path: Path) -> None:
    earlier = check_out(WITHOUT_HISTORY, tmp_path, 'todosync', 'todos')

    def write_by_earlier_build(title: str) -> None:
        environment = {**os.environ, 'PYTHONPATH': str(earlier)}
        subprocess.run(
            [sys.executable, '-c', PROGRAM, database_url, title], cwd=earlier, env=environment, timeout=60, check=True
        )

    write_by_earlier_build('before the upgrade')
    with other_program(database_url) as connection:
        assert not connection.dialect.has_table(connection, 'todosync_history')
    with closing(Database(database_url, migrations=MIGRATIONS)) as database:
        database.migrate()
        database.install_change_log(TODOS.log_table)
        writer = Writer(database)
        writer.insert(TODOS, {'title': 'by this build'}, author=Author('Bob'))
        write_by_earlier_build('beside it')
        assert database.has_change_log(TODOS.log_table, exactly=False)
        execute(database_url, "DELETE FROM todos WHERE title = 'before the upgrade'")
        told = [(change.action, change.who) for change in reversed(writer.history(TODOS))]
        assert told == [('insert', 'Bob'), ('insert', ''), ('update', ''), ('delete', '')]
        with database.read() as session:
            assert session.connection().scalar(text('SELECT count(*) FROM todos')) == 2
