"""What was written during chaos, and what must therefore be there, also after an older database took the place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Entry = tuple[str, float]
"""The tab in which a title was entered, and when its page was loaded."""


class ViolationError(AssertionError):
    """Something was lost, done twice, shown wrongly, or went back."""


@dataclass
class Copy:
    """What must be in a copy of the database, whatever was written since."""

    acknowledged: frozenset[str]
    deleted: frozenset[str]


@dataclass
class Truth:
    """What was written, by title. Each title is written once."""

    acknowledged: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    entered: dict[str, Entry] = field(default_factory=dict)
    """What a page has taken over, and shall deliver as long as nobody leaves it."""

    def copy(self) -> Copy:
        """Return what must be in a copy of the database that is made from now on."""
        return Copy(frozenset(self.acknowledged), frozenset(self.deleted))

    def go_back(self, to: Copy) -> None:
        """Count what was written since a copy was made as lost. What a page still has to deliver may come yet."""
        self.acknowledged, self.deleted, self.entered = set(to.acknowledged), set(to.deleted), {}

    def forgive_undelivered(self, titles: Iterable[str]) -> None:
        """Note that the database is shut, so that pages are refused what they deliver just now.

        :param titles: what the database holds
        """
        delivered = set(titles)
        self.entered = {title: entry for title, entry in self.entered.items() if title in delivered}

    def check(self, titles: list[str], loaded_at: Mapping[str, float]) -> None:
        """Compare with what the database holds. What pages have delivered counts as acknowledged from now on.

        :param titles: of all todos
        :param loaded_at: when the page of each tab was loaded
        :raises ViolationError: something is lost or was done twice
        """
        if doubled := {title for title in titles if titles.count(title) > 1}:
            raise ViolationError(f'done twice: {doubled}')
        if lost := self.acknowledged - self.deleted - set(titles):
            raise ViolationError(f'acknowledged and lost: {lost}')
        entered = {title for title, (tab, at) in self.entered.items() if loaded_at.get(tab) == at}
        if lost := entered - self.deleted - set(titles):
            raise ViolationError(f'entered in a tab that was never left, and lost: {lost}')
        self.acknowledged |= self.entered.keys() & set(titles)
        self.entered = {title: entry for title, entry in self.entered.items() if title not in self.acknowledged}
