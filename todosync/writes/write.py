"""A write on its way through the rules of its stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from sqlmodel import Session

from .refusals import RefusedWriteError


@dataclass(eq=False)
class Write:
    """A write on its way through the rules of its stream, in its transaction.

    :ivar action: ``insert``, ``update``, ``delete``, ``restore`` (a deleted row is put back), or the name of a verb
    :ivar row: the row as it is stored, an object of the stream's model; ``None`` before an insert; before a restore the
        row as it was deleted
    :ivar values: the fields that an insert or an update sets, by name; a rule may change them, and add others
    :ivar user: who writes, as ``setup(current_user=...)`` tells it; ``None`` for nobody, and for the program itself
    :ivar session: the session of the transaction, to look at other rows or to write them. A transaction may be tried
        again, and then its rules run again; so a rule must change nothing outside of this session, nor send a mail

    Example::

        @NOTES.rule
        def owner_only(write: Write) -> None:
            if write.action == 'delete' and write.row.pinned:
                write.refuse('A pinned note cannot be deleted; unpin it first')
    """

    action: str
    row: Any
    values: dict[str, Any]
    session: Session
    user: Any = None

    def refuse(self, sentence: str, field: str = '') -> NoReturn:
        """Refuse the write. Its whole transaction is undone.

        :param sentence: why it is refused and what to do, for the person who wanted the write
        :param field: the name of the field beside which the sentence is to be shown, if it is about one
        :raises RefusedWriteError: always

        Example::

            write.refuse('A note needs a text', field='text')
        """
        raise RefusedWriteError(sentence, fields={field: sentence} if field else {})
