"""Elements that show a stream by themselves: the browser renders them from its own copy, the server only knows them."""

from __future__ import annotations

import json

from nicegui import ui

from todosync import Record, Sync


class LiveText(ui.element):
    """A text that the stream derives from all rows, such as a count.

    It costs the server nothing per tab: the value travels once per browser with the rows.

    :param sync: the page's view of the stream
    :param name: which derived value
    :param tag: the html tag

    Example::

        LiveText(sync, 'heading', tag='h1')
    """

    def __init__(self, sync: Sync, name: str, *, tag: str = 'span') -> None:
        super().__init__(tag)
        self._sync = sync
        self._key = name
        self.props[':textContent'] = f'{stream_expression(sync)}.derived[{json.dumps(name)}]'

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        return [*super()._displayed_contents(only_visible=only_visible), str(self._sync.derived.get(self._key, ''))]


class LiveList(ui.element):
    """A virtual-scrolled list of a stream's rows. What is put inside is the row, authored once for all of them.

    Inside, ``props.item`` is the row in JavaScript: ``ui.element().props(':textContent="props.item.title"')``.

    :param sync: the page's view of the stream
    :param text: the field that a row shows, for tests without a browser
    :param row_height: height of a row in pixels, as a first guess

    Example::

        with LiveList(sync, text='title', row_height=48):
            ui.element().props(':textContent="props.item.title"')
    """

    def __init__(self, sync: Sync, *, text: str, row_height: int) -> None:
        super().__init__('q-virtual-scroll')
        self.sync = sync
        self._field = text
        self.props[':items'] = f'{stream_expression(sync)}.items'
        self.props['virtual-scroll-item-size'] = row_height

    def row_text(self, record: Record) -> str:
        """Return what a row shows."""
        return str(record[self._field])

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        rows = [self.row_text(record) for record in self.sync.records]
        return [*super()._displayed_contents(only_visible=only_visible), *rows]


def stream_expression(sync: Sync) -> str:
    """Return the JavaScript expression of a stream's reactive copy in the browser."""
    return f'todosync.stream({json.dumps(sync.stream.name)})'
