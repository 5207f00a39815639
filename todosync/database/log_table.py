"""What a change log is of."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Table


@dataclass(frozen=True)
class LogTable:
    """A table whose changes are logged, and the names of its log.

    :param source: the table
    :param name: the name of the log, a table that triggers write
    :param key: the name of the log's column that holds the id of the changed row
    """

    source: Table
    name: str
    key: str
