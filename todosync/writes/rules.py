"""Runs the rules and verbs that an app has declared, and tells its mistakes from those of the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from todosync.database import is_mistake

SLOW = 1.0
"""Seconds. A rule that takes longer is logged, because nobody else can write meanwhile."""

log = logging.getLogger(__name__)


class MistakenRuleError(Exception):
    """A rule or a verb has asked the database for what it does not understand. Trying again would not help."""


@contextmanager
def run_by_app(stream: str, name: str) -> Iterator[None]:
    """Run a rule or a verb.

    :param stream: the name of the stream, for the log
    :param name: that of the function
    :raises MistakenRuleError: in place of an error of the database that the rule has caused
    """
    began = time.monotonic()
    try:
        yield
    except SQLAlchemyError as error:
        if is_mistake(error):
            raise MistakenRuleError(str(error)) from error
        raise
    finally:
        seconds = time.monotonic() - began
        if seconds > SLOW:
            message = '%r of the stream %s took %.1f s; nobody else could write meanwhile; make it quicker'
            log.warning(message, name, stream, seconds)
