"""Every write that a page has shown to a person during chaos, and what has become of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, Page
from sqlalchemy import text

from tests.databases import other_program
from tests.e2e.chaos_truth import ViolationError

MARK = ' written by '
"""What the titles of these writes have, and no others."""
AUDIT = {
    'sqlite': [
        'CREATE TABLE chaos_audit(number INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT)',
        'CREATE TRIGGER chaos_inserts AFTER INSERT ON todos BEGIN '
        'INSERT INTO chaos_audit(title) VALUES (NEW.title); END',
        'CREATE TRIGGER chaos_updates AFTER UPDATE OF title ON todos BEGIN '
        'INSERT INTO chaos_audit(title) VALUES (NEW.title); END',
    ],
    'postgresql': [
        'CREATE TABLE chaos_audit(number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title TEXT)',
        'CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS '
        '$$ BEGIN INSERT INTO public.chaos_audit(title) VALUES (NEW.title); RETURN NULL; END $$',
        'CREATE TRIGGER chaos_notes AFTER INSERT OR UPDATE OF title ON todos FOR EACH ROW '
        'EXECUTE FUNCTION chaos_note()',
    ],
}
"""Notes each title in the order in which it is written, whoever writes it; it goes back with the database."""
FORBID = {
    'sqlite': [
        'CREATE TRIGGER IF NOT EXISTS chaos_refusal BEFORE INSERT ON todos '
        f"WHEN NEW.title LIKE '%{MARK}%' BEGIN SELECT RAISE(ABORT, 'not now'); END"
    ],
    'postgresql': [
        'CREATE OR REPLACE FUNCTION chaos_refuse() RETURNS trigger LANGUAGE plpgsql AS '
        "$$ BEGIN RAISE 'not now'; END $$",
        'CREATE OR REPLACE TRIGGER chaos_refusal BEFORE INSERT ON todos FOR EACH ROW '
        f"WHEN (NEW.title LIKE '%{MARK}%') EXECUTE FUNCTION chaos_refuse()",
    ],
}
ALLOW = {
    'sqlite': ['DROP TRIGGER IF EXISTS chaos_refusal'],
    'postgresql': ['DROP TRIGGER IF EXISTS chaos_refusal ON todos'],
}
LISTEN = """
let told = '';
new MutationObserver(() => {  // of several refusals the notice that is there is changed
  const now = [...document.querySelectorAll('.q-notification')].map((notice) => notice.textContent).join(' ');
  if (now !== told && now) chaosTold(now);
  told = now;
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
WRITE = """([name, title]) => {
  const isOpen = todosync.tab.relays.some((relay) => relay.queue?.isOpen);
  const items = () => todosync.stream('todos').items;
  if (!isOpen || !items()) return null;
  const row = name && items().find((item) => item.title.startsWith(`${name} v`));
  if (name && !row) return null;
  if (row) todosync.writes.update('todos', row.id, { title });
  else todosync.writes.insert('todos', { title });
  return items().some((item) => item.title === title);
}"""


@dataclass
class ShownWrite:
    """A write that a page has shown, by its title, which nobody else writes."""

    person: str
    title: str
    may_be_lost: bool = False
    """Whether an older database has taken the place since."""


@dataclass
class Ledger:
    """The writes of all persons, in the order in which they acted, and what they were told."""

    url: str
    """SQLAlchemy URL of the database."""
    writes: list[ShownWrite] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Have the database note what is written."""
        self._execute(AUDIT)

    def listen(self, context: BrowserContext) -> None:
        """Note what a person is told in a browser."""
        context.expose_binding('chaosTold', lambda _, notice: self.told.append(notice))
        context.add_init_script(LISTEN)

    def forbid(self, *, forbidden: bool) -> None:
        """Have the database refuse new rows of persons, or take them again."""
        self._execute(FORBID if forbidden else ALLOW)

    def write(self, person: str, page: Page, name: str, title: str) -> bool:
        """Have a person write in a page: a row of theirs gets another title, or a new row is made.

        :param name: how the title of the row begins, empty for a new one
        :return: whether the page could: it keeps writes, and shows the row
        :raises ViolationError: the page did not show it at once
        """
        is_shown = page.evaluate(WRITE, [name, title])
        if is_shown is None:
            return False
        self.writes.append(ShownWrite(person, title))
        if not is_shown:
            raise ViolationError(f'{title!r} was not shown at once')
        return True

    def go_back(self) -> None:
        """An older database has taken the place: what was done since is lost."""
        for write in self.writes:
            write.may_be_lost = True

    def check(self) -> None:
        """Compare with what the database has noted.

        :raises ViolationError: a write was lost without a word, done twice, or done in another order
        """
        with other_program(self.url) as connection:
            noted = connection.execute(text('SELECT title FROM chaos_audit ORDER BY number')).scalars().all()
        for person in {write.person for write in self.writes}:
            writes = [write for write in self.writes if write.person == person]
            known = {write.title for write in writes}
            done = [title for title in noted if title in known]
            if doubled := _doubled(done):
                raise ViolationError(f'done twice: {doubled}')
            if done != [write.title for write in writes if write.title in set(done)]:
                raise ViolationError(f'{person} has acted in another order: {done}')
            must = {write.title for write in writes if not write.may_be_lost} - set(done)
            if lost := {title for title in must if not any(f'“{title}”' in notice for notice in self.told)}:
                raise ViolationError(f'shown to {person}, not done, and not explained: {lost}; told: {self.told[-20:]}')

    def _execute(self, statements: dict[str, list[str]]) -> None:
        for statement in statements[self.url.partition(':')[0].partition('+')[0]]:
            with other_program(self.url) as connection:
                connection.exec_driver_sql(statement.replace('%', '%%') if 'postgresql' in self.url else statement)


def _doubled(titles: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    return {title for title in titles if title in seen or seen.add(title)}  # type: ignore[func-returns-value]
