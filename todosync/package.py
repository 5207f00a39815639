"""The package itself: its version, and the error for an extra that is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__version__ = '0.1.0'


class MissingExtraError(ImportError):
    """A part of todosync needs packages that only an extra installs. The message names the extra.

    Example::

        try:
            todosync.add_production(server)
        except MissingExtraError as error:
            print(error)  # add_production() needs ... pip install 'todosync[production]'
    """


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Say which extra is missing when an import in the block fails.

    :param name: the extra, of those in ``pyproject.toml``
    :param what: what needs it, the subject of the message
    :raises MissingExtraError: it is not installed
    """
    try:
        yield
    except ImportError as error:
        remedy = f"pip install 'todosync[{name}]'"
        raise MissingExtraError(f'{what} needs packages that are not installed: {remedy} ({error})') from error
