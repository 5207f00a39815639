"""Elements that the browser renders from its own copy of a stream.

The server keeps one set of elements for each page, whatever the number of rows. It does nothing for a tab when a row
changes. A prop whose name begins with a colon holds JavaScript that NiceGUI's page evaluates. There,
``todosync.stream(name)`` is the browser's copy of a stream. In the template of a row, ``props.row``
is the row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Self

from nicegui import ui

from todosync.streams import Row, unknown
from todosync.views import View

FIELD_OF_ROW = re.compile(
    r"""\bprops\.row(?:\??\.([A-Za-z_$][\w$]*)(?![\w$]|\s*\()|(?:\?\.)?\[\s*["']([^"']+)["']\s*\])"""
)
"""What JavaScript reads of a row: ``props.row.title``, ``props.row['title']``. A call is no field."""


class LiveElement(ui.element, component='live_element.js'):
    """A plain HTML element whose props follow values in the browser; the server sends nothing when they change.

    When a value changes, only this element is rendered, not the page around it.

    :param tag: the HTML tag
    :param live: a JavaScript expression for each prop, by the name of the prop; ``textContent`` is the element's text

    Example::

        LiveElement('span', {'textContent': 'todosync.status.role'})
    """

    def __init__(self, tag: str, live: Mapping[str, str]) -> None:
        super().__init__()
        self.props['tag'] = tag
        self.props['live'] = dict(live)


class LiveText(LiveElement):
    """A text that shows one of a stream's totals, such as the number of rows.

    :param view: the page's view of the stream
    :param name: the name of the total, or of a text that is made of totals
    :param tag: the HTML tag
    :raises ValueError: the stream has no such total

    Example::

        LiveText(view, 'heading', tag='h1')
    """

    def __init__(self, view: View, name: str, *, tag: str = 'span') -> None:
        super().__init__(tag, {'textContent': _known_total(view, name)})
        self._view = view
        self._name = name

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        return [*super()._displayed_contents(only_visible=only_visible), str(self._view.totals.get(self._name, ''))]


class LiveTitle(ui.element, component='live_title.js'):
    """Shows one of a stream's totals as the title of the page, which the browser writes on the tab.

    :param view: the page's view of the stream
    :param name: the name of the total, or of a text that is made of totals
    :raises ValueError: the stream has no such total

    Example::

        LiveTitle(view, 'heading')
    """

    def __init__(self, view: View, name: str) -> None:
        super().__init__()
        ui.page_title(str(view.totals.get(name, '')))
        self.props['text'] = _known_total(view, name)


class BrowserList(ui.element, component='browser_list.js'):
    """A list with virtual scrolling, of items in the browser. The elements put inside are the template of every row.

    Only the rows in view are in the document. A row keeps its elements while other rows come and go, so the focus and a
    half-typed text stay in it. A row is rendered again only when its own item is replaced.

    :param items: a JavaScript expression that returns an array; in the template, ``props.row`` is one of them
    :param key: the field whose value is different in each item
    :param row_height: the usual height of a row in pixels; a row may be higher or lower

    Example::

        with BrowserList('todosync.log.view.entries', key='key', row_height=24):
            ui.element().props(':textContent="props.row.text"')
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
    """A list with virtual scrolling, of a stream's rows. The elements put inside are the template of every row.

    The marker of the list is the name of its stream, so a test can find it.

    :param view: the page's view of the stream
    :param text: the field that a test without a browser sees as the text of a row
    :param row_height: the usual height of a row in pixels; a row may be higher or lower
    :raises ValueError: the stream has no such field; also at the end of the ``with``, for what the elements inside read
        from ``props.row``

    Example::

        with LiveList(view, text='title', row_height=48):
            ui.element().props(':textContent="props.row.title"')
    """

    def __init__(self, view: View, *, text: str, row_height: int) -> None:
        if text not in view.stream.fields:
            raise _unknown(view, 'field', text, view.stream.fields)
        super().__init__(f'{stream_expression(view)}.rows', key='id', row_height=row_height)
        self.view = view
        self._field = text
        self._where: Mapping[str, Any] = {}
        self.mark(view.stream.name)

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        if exception[0] is None:
            self._refuse_unknown_fields()

    def show_where(self, **fields: Any) -> None:
        """Show only the rows whose fields have these values, in this tab only. Without arguments, show all rows.

        :param fields: JSON values, by the names of the fields
        :raises ValueError: the stream has no such field

        Example::

            notes.show_where(urgent=True)
        """
        for name in fields:
            if name not in self.view.stream.fields:
                raise _unknown(self.view, 'field', name, self.view.stream.fields)
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

    def _refuse_unknown_fields(self) -> None:
        for element in self.row.descendants(include_self=True):
            sources = [str(value) for name, value in element.props.items() if name.startswith(':')]
            sources += [listener.js_handler or '' for listener in element._event_listeners.values()]
            for found in FIELD_OF_ROW.finditer('\n'.join(sources)):
                name = found[1] or found[2]
                if name not in self.view.stream.fields:
                    said = unknown(self.view.stream, 'field', name, self.view.stream.fields)
                    raise ValueError(f'a row of the list reads {found[0]}, but {said}')

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        rows = [str(row[self._field]) for row in self.shown]
        return [*super()._displayed_contents(only_visible=only_visible), *rows]


def stream_expression(view: View) -> str:
    """Return the JavaScript expression of a stream's copy in the browser, for props that follow it.

    :param view: the page's view of the stream

    Example::

        ui.element().props[':textContent'] = f'{stream_expression(view)}.rows.length'
    """
    return f'todosync.stream({json.dumps(view.stream.name)})'


def total_expression(view: View, name: str) -> str:
    """Return the JavaScript expression of one of a stream's totals, for props that follow it.

    :param view: the page's view of the stream
    :param name: the name of the total, or of a text that is made of totals

    Example::

        ui.element().props[':textContent'] = total_expression(view, 'count')
    """
    return f'{stream_expression(view)}.totals[{json.dumps(name)}]'


def _known_total(view: View, name: str) -> str:
    totals = view.totals  # none before the server has started
    if totals and name not in totals:
        raise _unknown(view, 'total', name, totals)
    return total_expression(view, name)


def _unknown(view: View, kind: str, name: str, known: Iterable[str]) -> ValueError:
    return ValueError(unknown(view.stream, kind, name, known))
