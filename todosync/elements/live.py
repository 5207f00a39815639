"""Elements that show a stream by themselves: the browser renders them from its own copy, the server only knows them.

What a page shows this way costs the server one set of elements, whatever the number of rows, and nothing per tab when
a row changes. In a prop that begins with a colon, NiceGUI's page evaluates JavaScript: ``todosync.stream(name)`` is the
browser's copy of a stream there, and within a row ``props.item`` is what the row is of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from nicegui import ui

from todosync.streams import Row
from todosync.views import View


class LiveElement(ui.element, component='live_element.js'):
    """A plain html element with props that follow what the browser holds, without a word from the server.

    It is rendered by itself when the value of one of them has changed; the rest of the page is not.

    :param tag: the html tag
    :param live: JavaScript expressions by the names of the props whose values they are

    Example::

        LiveElement('span', {'textContent': 'todosync.status.role'})
    """

    def __init__(self, tag: str, live: Mapping[str, str]) -> None:
        super().__init__()
        self.props['tag'] = tag
        self.props['live'] = dict(live)


class LiveText(LiveElement):
    """A text that the stream derives from all rows, such as a count.

    :param view: the page's view of the stream
    :param name: which of the view's totals
    :param tag: the html tag

    Example::

        LiveText(view, 'heading', tag='h1')
    """

    def __init__(self, view: View, name: str, *, tag: str = 'span') -> None:
        super().__init__(tag, {'textContent': total_expression(view, name)})
        self._view = view
        self._name = name

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        return [*super()._displayed_contents(only_visible=only_visible), str(self._view.totals.get(self._name, ''))]


class LiveTitle(ui.element, component='live_title.js'):
    """Keeps the title of the document, which a person sees on the tab, at a text that the stream derives.

    :param view: the page's view of the stream
    :param name: which of the view's totals

    Example::

        LiveTitle(view, 'heading')
    """

    def __init__(self, view: View, name: str) -> None:
        super().__init__()
        ui.page_title(str(view.totals.get(name, '')))
        self.props['text'] = total_expression(view, name)


class BrowserList(ui.element, component='browser_list.js'):
    """A virtual-scrolled list of what the browser holds. What is put inside is the row, authored once for all of them.

    Only the rows in view are in the document, and each keeps its own place there: the focus, or a text half typed,
    stays with its row when others come and go. A row is rendered when its own item is replaced, and at no other change.

    :param items: the items, as a JavaScript expression
    :param key: the field that tells items apart
    :param row_height: height of a row in pixels, as a first guess

    Example::

        with BrowserList('todosync.log.view.entries', key='key', row_height=24):
            ui.element().props(':textContent="props.item.text"')
    """

    def __init__(self, items: str, *, key: str, row_height: int) -> None:
        super().__init__()
        self.props['items'] = items
        self.props['item-key'] = key
        self.props['row-height'] = row_height
        self.props['role'] = 'list'
        with self.default_slot:
            self.row = ui.element('div').props('role=listitem')

    def __enter__(self) -> Self:
        self.row.default_slot.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.row.default_slot.__exit__(*exception)


class LiveList(BrowserList):
    """A virtual-scrolled list of a stream's rows. What is put inside is the row, authored once for all of them.

    Tests find the list by the name of its stream, which is its marker.

    :param view: the page's view of the stream
    :param text: the field that a row shows, for tests without a browser
    :param row_height: height of a row in pixels, as a first guess

    Example::

        with LiveList(view, text='title', row_height=48):
            ui.element().props(':textContent="props.item.title"')
    """

    def __init__(self, view: View, *, text: str, row_height: int) -> None:
        super().__init__(f'{stream_expression(view)}.rows', key='id', row_height=row_height)
        self.view = view
        self._field = text
        self._where: Mapping[str, Any] = {}
        self.mark(view.stream.name)

    def show_where(self, **fields: Any) -> None:
        """Show only the rows that have these values; without any, all of them. Only this tab is concerned.

        Example::

            todos.show_where(completed=False)
        """
        self._where = fields
        self.props['items'] = self.items_expression

    @property
    def items_expression(self) -> str:
        """The JavaScript expression of the rows that are shown."""
        conditions = [f'item[{json.dumps(name)}] === {json.dumps(value)}' for name, value in self._where.items()]
        chosen = f'.filter((item) => {" && ".join(conditions)})' if conditions else ''
        return f'{stream_expression(self.view)}.rows{chosen}'

    @property
    def shown(self) -> list[Row]:
        """The rows that are shown, in their order."""
        return [row for row in self.view.rows if all(row[k] == v for k, v in self._where.items())]

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        rows = [str(row[self._field]) for row in self.shown]
        return [*super()._displayed_contents(only_visible=only_visible), *rows]


def stream_expression(view: View) -> str:
    """Return the JavaScript expression of a stream's reactive copy in the browser.

    Example::

        ui.element().props[':textContent'] = f'{stream_expression(view)}.rows.length'
    """
    return f'todosync.stream({json.dumps(view.stream.name)})'


def total_expression(view: View, name: str) -> str:
    """Return the JavaScript expression of what the stream derives from all rows.

    Example::

        ui.element().props[':textContent'] = total_expression(view, 'count')
    """
    return f'{stream_expression(view)}.totals[{json.dumps(name)}]'
