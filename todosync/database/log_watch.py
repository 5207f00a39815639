"""Change logs that another program has damaged: noticed, and put right."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from .commits import Watching
from .database import Database
from .log_table import LogTable
from .outage import Outage

INTERVAL = 1.0
"""Seconds between two looks."""

log = logging.getLogger(__name__)


class LogWatch(Watching):
    """Looks whether tables have their triggers, and makes them anew where not.

    A table that is rebuilt by hand (copied, dropped, renamed) loses them, and so does a database that is put back from
    a time before there were any. PostgreSQL has commands that turn them off.

    :param database: the database
    :param logs: the tables, and the names in their change logs
    """

    def __init__(self, database: Database, logs: Iterable[LogTable]) -> None:
        super().__init__('watch the change logs')
        self._database = database
        self._logs = [(table, Outage(log, f'looking at the change log of {table.source.name}')) for table in logs]

    def look(self) -> None:
        """Look once. Blocks; never raises."""
        for table, outage in self._logs:
            with outage.passed_over():
                if not self._database.has_change_log(table, exactly=False):
                    self._put_right(table)

    def _put_right(self, table: LogTable) -> None:
        self._database.migrate()
        self._database.install_change_log(table)
        self._database.forget_changes(table)
        name = table.source.name
        log.warning('the table %s lacked triggers, so changes went unseen; they are made, and all rows read anew', name)

    def _watch(self) -> None:
        while not self._stopping.wait(INTERVAL):
            self.look()

    def _interrupt(self) -> None:
        """Do nothing: it waits for the same event."""
