"""The session of a write transaction, which ends where its block ends."""

from __future__ import annotations

from typing import NoReturn

from sqlmodel import Session

REFUSAL = 'the transaction ends with its block; to undo it, raise an exception'


class WriteSession(Session):
    """A session whose user can neither commit nor roll back: others share the transaction."""

    def commit(self) -> NoReturn:
        """Refuse.

        :raises RuntimeError: always
        """
        raise RuntimeError(f'commit() cannot be called here: {REFUSAL}')

    def rollback(self) -> NoReturn:
        """Refuse.

        :raises RuntimeError: always
        """
        raise RuntimeError(f'rollback() cannot be called here: {REFUSAL}')

    def commit_at_the_end(self) -> None:
        """Commit, at the end of the block."""
        super().commit()
