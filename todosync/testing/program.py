"""Writes of a program that knows nothing of todosync."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import NullPool, create_engine, text

from todosync.runtime import current_server


async def another_program(statement: str, *rows: Mapping[str, Any]) -> None:
    """Have another program write to the app's database: over a connection of its own, in a thread, and committed.

    Pages see it as any other change, soon; :meth:`RowUser.settle` waits for it.

    :param statement: SQL, with parameters as ``:text``
    :param rows: values of the parameters; with several, the statement is executed for each
    :raises sqlalchemy.exc.SQLAlchemyError: the database refuses it

    Example::

        await another_program('INSERT INTO notes(text) VALUES (:text)', {'text': 'Call Ann'})
        await ann.should_see('Call Ann')
    """
    await asyncio.to_thread(_execute, current_server().settings.data_url, statement, rows)


def _execute(url: Any, statement: str, rows: tuple[Mapping[str, Any], ...]) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(statement), list(rows) or None)
    engine.dispose()
