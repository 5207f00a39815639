"""Who changed what and when, as sentences in a dialog, which is built when somebody asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nicegui import ui

from todos import TodoView
from todosync import Change, DatabaseUnavailableError, RefusedWriteError

PART = 30
"""How many changes are shown at a time."""
STEPS = (('day', timedelta(days=1)), ('hour', timedelta(hours=1)), ('minute', timedelta(minutes=1)))
SOMEBODY = 'Somebody'
DONE = {True: 'done', False: 'not done'}


class History(ui.element):
    """A button that opens the history of the todos.

    :param view: the page's view of the todos

    Example::

        History(use_todo_sync())
    """

    def __init__(self, view: TodoView) -> None:
        super().__init__('button')
        self._view = view
        self.classes('history-open').props('type=button aria-haspopup=dialog textContent=History')
        self.mark('history').on('click', self._open)

    async def _open(self) -> None:
        with ui.dialog() as dialog, ui.element('section').classes('history').props('aria-labelledby=history-title'):
            with ui.element('header'):
                ui.element('h2').props('id=history-title textContent=History')
                _button('Close', 'history-close').on('click', dialog.close)
            entries = ui.element('ol').classes('history-entries')
            older = _button('Show older', 'history-older')
        titles: dict[object, str] = {}
        last: Change | None = None

        async def read_on() -> None:
            nonlocal last
            try:
                changes = await self._view.history(limit=PART, before=last)
            except DatabaseUnavailableError:
                ui.notify('The history cannot be read now. Please try again.')
                return
            older.set_visibility(len(changes) == PART)
            with entries:
                if not changes and last is None:
                    ui.element('li').props('textContent="Nothing has happened yet."')
                for change in changes:
                    self._show(change, _title_at(change, titles, self._view.rows.get(change.row_id)), dialog)
            last = changes[-1] if changes else last

        older.on('click', read_on)
        dialog.on('hide', dialog.delete)
        await read_on()
        dialog.open()

    def _show(self, change: Change, title: str, dialog: ui.dialog) -> None:
        async def put_back() -> None:
            try:
                await self._view.restore(change)
            except (RefusedWriteError, DatabaseUnavailableError) as error:
                ui.notify(str(error))
            else:
                dialog.close()

        with ui.element('li'):
            with ui.element('p'):
                ui.label(_sentence(change, title)).props('dir=auto')
                time = ui.element('time')
                time.props['datetime'], time.props['title'] = change.at.isoformat(), f'{change.at:%Y-%m-%d %H:%M} UTC'
                time.props['textContent'] = ago(change.at, datetime.now(UTC))
            if change.action in {'delete', 'update'}:
                button = _button('Put back', 'history-put-back').mark(f'history-put-back-{change.action}')
                button.on('click', put_back).props['aria-label'] = f'Put back: {_sentence(change, title)}'


def _title_at(change: Change, titles: dict[object, str], row: object) -> str:
    """Return the title that a todo had, when it was changed.

    :param change: the change; of those that are shown, newer ones come first
    :param titles: the titles before the newer changes, by id; the one before this change is noted
    :param row: the todo as it is now, if it is there
    """
    now = row['title'] if isinstance(row, dict) else ''
    after = change.after.get('title') or titles.get(change.row_id) or now
    titles[change.row_id] = before = change.before.get('title') or after
    return str(before)


def _sentence(change: Change, title: str) -> str:
    """Return what has happened, in words.

    :param change: the change
    :param title: the title of the todo before it
    """
    who = change.who or SOMEBODY
    named = f'“{title}”' if title else 'a todo'
    if change.action == 'insert':
        return f'{who} added “{change.after.get("title", "")}”'
    if change.action == 'delete':
        return f'{who} deleted {named}'
    done = [f'{who} changed the title from {named} to “{change.after["title"]}”'] if 'title' in change.after else []
    if 'completed' in change.after:
        state = DONE[bool(change.after['completed'])]
        done.append(f'marked it as {state}' if done else f'{who} marked {named} as {state}')
    return ' and '.join(done) or f'{who} changed {named}'


def ago(at: datetime, now: datetime) -> str:
    """Return how long ago something was, in words.

    :param at: when it was
    :param now: the time now

    Example::

        text = ago(change.at, datetime.now(UTC))
    """
    for name, step in STEPS:
        if (count := (now - at) // step) > 0:
            return f'1 {name} ago' if count == 1 else f'{count} {name}s ago'
    return 'just now'


def _button(text: str, marker: str) -> ui.element:
    button = ui.element('button').classes(marker).props('type=button').mark(marker)
    button.props['textContent'] = text
    return button
