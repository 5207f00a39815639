"""The roster: who is here, by scopes, as all processes have told it. It knows no clock, cable or page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .people import Editing, Person

PEOPLE_MAX = 1000
"""How many people of one process are counted in a scope; who comes after them is not seen there."""
EDITING_MAX = 8
"""How many things one person is shown to edit."""

Place = tuple[str, str]
"""The key of a scope, and the id of a person."""


@dataclass(frozen=True)
class Entry:
    """What a process tells of somebody who is in a scope.

    :ivar name: how they are called; empty if that is not known
    :ivar editing: what they edit in the tabs that this process serves
    """

    name: str
    editing: tuple[Editing, ...] = ()


class Roster:
    """Who is in which scope. Somebody whose tabs are served by several processes is one person."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, dict[str, Entry]]] = {}
        """By the key of the scope, the id of the person, and the process."""
        self._places: dict[str, dict[Place, None]] = {}
        """What each process has told of."""
        self._people: dict[str, dict[str, Person]] = {}
        """By the key of the scope and the id of the person, in order, as long as nothing changes there."""

    def put(self, process: str, place: Place, entry: Entry | None) -> bool:
        """Note what a process tells of somebody.

        :param process: the id of the process
        :param place: where, and who
        :param entry: what it tells, ``None`` if they are not there any more
        :return: whether that is something new
        """
        key, person = place
        told = self._entries.get(key, {}).get(person, {})
        if told.get(process) == entry:
            return False
        if entry is None:
            self._take_out(process, place)
        elif person not in self._entries.get(key, {}) and self.count(key) >= PEOPLE_MAX:
            return False
        else:
            self._entries.setdefault(key, {}).setdefault(person, {})[process] = entry
            self._places.setdefault(process, {})[place] = None
        self._people.pop(key, None)
        return True

    def replace(self, process: str, entries: Iterable[tuple[Place, Entry]]) -> list[Place]:
        """Note everything that a process tells.

        :return: the places of which that is something new
        """
        told = dict(entries)
        gone = [place for place in self._places.get(process, {}) if place not in told]
        return [place for place in [*gone, *told] if self.put(process, place, told.get(place))]

    def told_by(self, process: str) -> Iterator[tuple[Place, Entry]]:
        """Return what a process has told."""
        for key, person in self._places.get(process, {}):
            yield (key, person), self._entries[key][person][process]

    def entry(self, process: str, place: Place) -> Entry | None:
        """Return what a process has told of somebody, ``None`` if they are not there."""
        key, person = place
        return self._entries.get(key, {}).get(person, {}).get(process)

    def has(self, process: str) -> bool:
        """Return whether a process has told of anybody."""
        return process in self._places

    def count(self, key: str) -> int:
        """Return how many people are in a scope."""
        return len(self._entries.get(key, {}))

    def people(self, key: str, own_id: str = '') -> tuple[Person, ...]:
        """Return who is in a scope, by their names.

        :param key: the key of the scope
        :param own_id: the id of the person who asks
        """
        if key not in self._entries:
            return ()
        if key not in self._people:
            found = [_merged(person, told) for person, told in self._entries[key].items()]
            found.sort(key=lambda person: (person.name.casefold(), person.id))
            self._people[key] = {person.id: person for person in found}
        people = self._people[key]
        own = people.get(own_id)
        # each page asks after each change: what all see is made once, and only their own person is made for them
        return tuple(({**people, own_id: replace(own, is_me=True)} if own else people).values())

    def person(self, place: Place) -> Person | None:
        """Return somebody, ``None`` if they are not there."""
        key, person = place
        told = self._entries.get(key, {}).get(person)
        return None if told is None else _merged(person, told)

    def _take_out(self, process: str, place: Place) -> None:
        key, person = place
        del self._entries[key][person][process]
        if not self._entries[key][person]:
            del self._entries[key][person]
        if not self._entries[key]:
            del self._entries[key]
        del self._places[process][place]
        if not self._places[process]:
            del self._places[process]


def _merged(person: str, told: dict[str, Entry]) -> Person:
    entries = [told[process] for process in sorted(told)]
    name = next((entry.name for entry in entries if entry.name), '')
    editing = dict.fromkeys(thing for entry in entries for thing in entry.editing)
    return Person(person, name, tuple(editing)[:EDITING_MAX])
