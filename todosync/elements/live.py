"""Elements that the browser renders from its own copy of a stream.

The server keeps one set of elements for each page, whatever the number of rows. It does nothing for a tab when a row
changes. A prop whose name begins with a colon holds JavaScript that NiceGUI's page evaluates. There,
``todosync.stream(name)`` is the browser's copy of a stream. In the template of a row, ``props.row``
is the row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from nicegui import ui

from todosync.streams import unknown
from todosync.views import View

from .expressions import Expression
from .formats import viewed_by, viewer_of


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
    :param currency: the three letters of a currency, to show the total as money, as :meth:`Expression.money` does:
        a sum of whole numbers is in its smallest unit, one of decimals in the currency itself
    :raises ValueError: the stream has no such total, or these are not three letters

    Example::

        LiveText(view, 'heading', tag='h1')
        LiveText(view, 'spent', currency='EUR')
    """

    def __init__(self, view: View, name: str, *, tag: str = 'span', currency: str = '') -> None:
        total = view.stream.totals.get(name)
        shown = Expression(
            _known_total(view, name),
            lambda _: view.totals.get(name, ''),
            is_whole=total is not None and total.scale is None,
        )
        self._shown = shown.money(currency) if currency else shown
        super().__init__(tag, {'textContent': self._shown.javascript})

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        with viewed_by(viewer_of(self.client)):
            shown = str(self._shown.evaluate({}))
        return [*super()._displayed_contents(only_visible=only_visible), shown]


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


def stream_expression(view: View) -> str:
    """Return the JavaScript expression of a stream's copy in the browser, for props that follow it.

    :param view: the page's view of the stream

    Example::

        ui.element().props[':textContent'] = f'{stream_expression(view)}.rows.length'
    """
    named = [view.stream.name] if view.scope is None else [view.stream.name, view.scope]
    return f'todosync.stream({", ".join(map(json.dumps, named))})'


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
        raise ValueError(unknown(view.stream, 'total', name, totals))
    return total_expression(view, name)
