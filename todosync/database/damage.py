"""Whether the file of a database is damaged: looked for, and told."""

from __future__ import annotations

import logging

from .commits import Watching
from .database import Database
from .errors import DatabaseUnavailableError, is_damage

PAUSE = 10.0
"""Seconds from one look to the next, at least: a look reads the whole file."""

log = logging.getLogger(__name__)


class DamageWatch(Watching):
    """Looks whether the file is intact: at the start, when what was read cannot be true, and as long as it is damaged.

    A file that is copied over the one in use mixes two databases, and SQLite goes on with that without a word.

    :param database: the database
    """

    def __init__(self, database: Database) -> None:
        super().__init__('look for damage')
        self._database = database
        self.found = ''
        """What is damaged, in the database's own words; empty if nothing is known to be."""

    def look(self) -> None:
        """Look once. Blocks; never raises."""
        try:
            found = self._database.damage()
        except DatabaseUnavailableError as error:
            if not is_damage(error.__cause__):  # gone or locked for now; who reads or writes tells so
                log.debug('it cannot be told whether the database is damaged: %s', error)
                return
            found = str(error)
        except Exception:
            log.exception('it cannot be told whether the database is damaged')
            return
        if found and not self.found:
            log.error(
                'the file of the database is damaged: %s; restore a backup, and look who copied a file over it',
                found,
            )
        elif self.found and not found:
            log.warning('the file of the database is intact again')
        self.found = found

    def _watch(self) -> None:
        while True:
            self._database.doubted.clear()
            self.look()
            if self._stopping.wait(PAUSE):
                return
            if not self.found:
                self._database.doubted.wait()
            if self._stopping.is_set():
                return

    def _interrupt(self) -> None:
        self._database.doubted.set()
