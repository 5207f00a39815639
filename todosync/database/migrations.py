"""Whether a database is up to date."""

from __future__ import annotations

import logging

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

log = logging.getLogger(__name__)


def is_migrated(connection: Connection, config: Config) -> bool:
    """Return whether all migrations have been run.

    So they have if a newer release has run further ones, which this one does not know: after a rollback, and beside
    newer processes during an upgrade, it works with what those have added.
    """
    current = MigrationContext.configure(connection).get_current_heads()
    scripts = ScriptDirectory.from_config(config)
    try:
        scripts.get_revisions(current)
    except CommandError:
        log.warning('a newer release has migrated the database to %s; this one leaves it so', ', '.join(current))
        return True
    return set(current) == set(scripts.get_heads())
