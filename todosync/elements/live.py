"""Elements that the browser renders from its own copy of a stream.

The server keeps one set of elements for each page, whatever the number of rows. It does nothing for a tab when a row
changes. A prop whose name begins with a colon holds JavaScript that NiceGUI's page evaluates. There,
``todosync.stream(name)`` is the browser's copy of a stream. In the template of a row, ``props.row``
is the row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.visibility import Visibility

from todosync.streams import unknown
from todosync.views import View

from .expressions import Expression
from .formats import viewed_by, viewer_of


class LiveElement(ui.element, component='live_element.js'):
    """A plain HTML element whose props follow values in the browser; the server sends nothing when they change.

    When a value changes, only this element is rendered, not the page around it.

    :param tag: the HTML tag
    :param live: for each prop, by its name, a JavaScript expression or an :class:`Expression` over values of the page,
        such as :func:`pending`; ``textContent`` is the element's text, ``hidden`` hides it with what is in it

    Example::

        LiveElement('span', {'textContent': 'todosync.status.role'})
        with LiveElement('div', {'hidden': pending(view) == 0}):
            ui.label('Some changes are on their way')
    """

    _live: Mapping[str, Expression] = {}

    def __init__(self, tag: str, live: Mapping[str, str | Expression]) -> None:
        super().__init__()
        self._live = {name: value for name, value in live.items() if isinstance(value, Expression)}
        self.props['tag'] = tag
        self.props['live'] = {name: _javascript(value) for name, value in live.items()}

    @property
    def visible(self) -> bool:
        """Whether NiceGUI shows it, and in a test without a browser also whether ``hidden`` does not hide it."""
        return super().visible and not self._evaluated('hidden')

    @visible.setter
    def visible(self, value: bool) -> None:
        Visibility.__dict__['visible'].__set__(self, value)

    @property
    def is_ignoring_events(self) -> bool:
        """Whether Python has hidden it; what the browser hides, nobody clicks on."""
        return not super().visible

    def _evaluated(self, prop: str) -> Any:
        """Return what a prop is in a test without a browser, ``None`` where only a browser can tell."""
        with viewed_by(viewer_of(self.client)):
            return self._live[prop].evaluate({}) if prop in self._live else None

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        text = self._evaluated('textContent')
        return [*super()._displayed_contents(only_visible=only_visible), *([] if text is None else [str(text)])]


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
        super().__init__(tag, {'textContent': shown.money(currency) if currency else shown})

    def __str__(self) -> str:
        """Return what a person sees, for the message of a test that has failed."""
        return f'LiveText [text={self._evaluated("textContent")}]'


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


def pending(view: View) -> Expression:
    """Return how many changes of this person's browser wait, of what the view shows; for elements outside of rows.

    Those count that have waited for more than two seconds, as for ``row.pending``. The browser counts, so it is right
    while the server is away. In a test without a browser it is what a ``RowUser`` who is offline has written.

    :param view: the page's view of the stream

    Example::

        LiveElement('span', {'textContent': (pending(view) > 0).then(pending(view) + ' waiting', '')})
    """
    place = json.dumps([view.stream.name, view.scope])
    return Expression(f'(todosync.writes?.pending(...{place}) ?? 0)', lambda _: view.count_waiting(), is_whole=True)


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


def _javascript(value: str | Expression) -> str:
    return value if isinstance(value, str) else f'todosync.expressions.plain({value.javascript})'


def _known_total(view: View, name: str) -> str:
    totals = view.totals  # none before the server has started
    if totals and name not in totals:
        raise ValueError(unknown(view.stream, 'total', name, totals))
    return total_expression(view, name)
