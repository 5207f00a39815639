"""What others see of somebody who is here."""

from __future__ import annotations

from dataclasses import dataclass

RowId = int | str

NAME_LENGTH = 100
"""Characters of a name; what is longer is cut."""
NAMELESS = 'Somebody'
"""How somebody is called who has no name."""


@dataclass(frozen=True)
class Editing:
    """What somebody edits.

    :param row: the id of a row
    :param field: the name of one of its fields; empty for the row as a whole

    Example::

        drafts = [person for person in presence.others if Editing(note['id'], 'text') in person.editing]
    """

    row: RowId
    field: str


@dataclass(frozen=True)
class Person:
    """Somebody who is here, in one tab or in several.

    As a text it is the name, or ``Somebody``.

    :param id: tells people apart, the same in all processes; nobody can sign in with it
    :param name: how they are called; empty if that is not known
    :param editing: what they edit, in all their tabs
    :param is_me: whether it is the person whose page asks

    Example::

        ui.label(', '.join(str(person) for person in presence.others))
    """

    id: str
    name: str
    editing: tuple[Editing, ...] = ()
    is_me: bool = False

    def __str__(self) -> str:
        return self.name or NAMELESS
