"""Lists that the browser renders: of a stream's rows, or of other items. Their contents are the template of a row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import and_
from typing import Any

from nicegui import ui

from todosync.streams import Row, unknown
from todosync.views import View

from .choice import BrowserChoice
from .expressions import RUNTIME, Expression, RowField, expression
from .formats import viewed_by, viewer_of
from .kinds import name_of
from .live import stream_expression
from .operations import contains, is_true
from .operations import text as as_text
from .row_fields import RowFields
from .template import finish_template

TOLD_ROWS = 20
"""How many rows the message of a failed test has."""
Condition = Expression | None
"""Which rows are shown; ``None`` for all."""


class BrowserList(ui.element, component='browser_list.js'):
    """A list with virtual scrolling, of items in the browser. The elements put inside are the template of every row.

    Of a list of more than 500 rows, only those near the view are in the document; the browser's own search (Ctrl+F) and
    a print have up to 10,000. A row keeps its elements while other rows come and go, so the focus and a half-typed text
    stay in it; when it goes itself, the row in its place gets the focus. A row is rendered again only when its own item
    is replaced.

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
        with self.default_slot:
            self.row = ui.element('div').props('role=listitem')

    def __enter__(self) -> Any:
        self.row.default_slot.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.row.default_slot.__exit__(*exception)


class LiveList(BrowserList):
    """A list with virtual scrolling, of a stream's rows. The elements put inside are the template of every row.

    Inside ``with``, ``row`` stands for each row, see :class:`RowFields`; :func:`bind_text` and the other functions of
    that kind bind elements to it. The marker of the list is the name of its stream, with
    its scope as in ``notes[7]``, so a test can find it.

    :param view: the page's view of the stream
    :param text: a further field that a test without a browser sees as a text of a row; it sees what is bound anyway
    :param row_height: the usual height of a row in pixels; a row may be higher or lower
    :raises ValueError: the stream has no such field; also at the end of the ``with``, for what the elements inside read
        from ``props.row``

    Example::

        with LiveList(view, row_height=48) as row:
            bind_value(ui.checkbox(), row.done)
            bind_text(ui.label(), row.title)
    """

    def __init__(self, view: View, *, text: str = '', row_height: int) -> None:
        if text and text not in view.stream.fields:
            raise ValueError(unknown(view.stream, 'field', text, view.stream.fields))
        super().__init__(f'{stream_expression(view)}.rows', key='id', row_height=row_height)
        self.view = view
        fields = RowFields(view)
        self.shown_texts: list[Expression] = [fields[text]] if text else []
        """What a test without a browser sees of each row."""
        self.bound_fields: dict[int, RowField] = {}
        """What elements of the template are bound to, by their ids."""
        self.classes_of: dict[int, dict[str, Expression]] = {}
        """Which classes elements of the template have by expressions, by their ids."""
        self._fields = fields
        self._condition: Condition = None
        self._by: tuple[BrowserChoice, dict[str, Condition]] | None = None
        self._search: tuple[ui.input, list[Expression]] | None = None
        self._reversed_by: tuple[BrowserChoice, str] | None = None
        self.mark(view.key)

    def __enter__(self) -> RowFields:  # type: ignore[override]  # what stands in a row needs the row, not the list
        super().__enter__()
        return self._fields

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        if exception[0] is None:
            finish_template(self.view.stream, self.row, self.bound_fields, self.classes_of)

    def filter(self, condition: Any = True) -> None:
        """Show only the rows for which an expression is true, in this tab only. Without arguments, show all rows.

        :param condition: an expression over the row

        Example::

            with LiveList(view, row_height=48) as row:
                ...
            ui.button('Missing', on_click=lambda: items.filter(~row.bought))
        """
        self._condition = None if condition is True else expression(condition)
        self.props['items'] = self.items_expression

    def search(self, text: ui.input, *parts: Any) -> None:
        """Show only the rows that have what is typed into a field, as it is typed; the server is not asked.

        :param text: the field; while it is empty, all rows are shown
        :param parts: expressions of texts, of which one must have it, whatever the case of the letters

        Example::

            with LiveList(view, row_height=48) as row:
                ...
            notes.search(ui.input('Search'), row.text)
        """
        self._search = text, [expression(part) for part in parts]
        text.on('update:value', js_handler=f'(value) => todosync.searches.set({self.id}, value)')
        self.props['items'] = self.items_expression

    def show_by(self, choice: BrowserChoice, conditions: Mapping[str, Mapping[str, Any] | Expression]) -> None:
        """Show the rows that a choice in the browser selects; the server is not asked when it changes.

        :param choice: the choice
        :param conditions: for each option, an expression over the row, or the values that fields must have, by
            their names
        :raises ValueError: the stream has no such field

        Example::

            shown = BrowserChoice('filter', ['All', 'Urgent'])
            notes.show_by(shown, {'All': {}, 'Urgent': {'urgent': True}})
        """
        self._by = choice, {option: self._condition_of(conditions[option]) for option in choice.options}
        self.props['items'] = self.items_expression

    def reverse_by(self, choice: BrowserChoice, option: str) -> None:
        """Show the rows in the opposite order while a choice in the browser has an option; the server is not asked.

        :param choice: the choice
        :param option: one of its options

        Example::

            order = BrowserChoice('order', ['Newest first', 'Oldest first'], keep=True)
            notes.reverse_by(order, 'Oldest first')
        """
        self._reversed_by = choice, choice.known(option)
        self.props['items'] = self.items_expression

    @property
    def items_expression(self) -> str:
        """The JavaScript expression of the rows that are shown."""
        found = self._found_expression()
        if self._reversed_by is None:
            return found
        choice, option = self._reversed_by
        return f'todosync.ordered({found}, {choice.expression} === {json.dumps(option)})'

    def _found_expression(self) -> str:
        rows, conditions = f'{stream_expression(self.view)}.rows', []
        if self._condition is not None:
            conditions.append(_function(self._condition))
        if self._by is not None:
            choice, by_option = self._by
            functions = (f'{json.dumps(option)}: {_function(condition)}' for option, condition in by_option.items())
            conditions.append(f'{{{", ".join(functions)}}}[{choice.expression}]')
        if self._search is not None:
            found = ' || '.join(f'{RUNTIME}.contains({part.javascript}, text)' for part in self._search[1])
            conditions.append(f'((text) => text ? (props) => {found} : null)(todosync.searches.get({self.id}))')
        return f'todosync.where({rows}, {", ".join(conditions)})' if conditions else rows

    @property
    def shown(self) -> list[Row]:
        """The rows that are shown, in their order."""
        return self.shown_of(self.view.rows)

    def shown_of(self, rows: Iterable[Row]) -> list[Row]:
        """Return those of the given rows that the list shows, in their order.

        :param rows: rows of the stream, in its order
        """
        conditions = [self._condition, self._by and self._by[1][self._by[0].value]]
        with viewed_by(viewer_of(self.client)):
            found = [
                row
                for row in rows
                if all(condition is None or is_true(condition.evaluate(row)) for condition in conditions)
                and self._is_found(row)
            ]
        is_reversed = self._reversed_by is not None and self._reversed_by[0].value == self._reversed_by[1]
        return found[::-1] if is_reversed else found

    def _condition_of(self, wanted: Mapping[str, Any] | Expression) -> Condition:
        if isinstance(wanted, Expression):
            return wanted
        for name in wanted:
            if name not in self.view.stream.fields:
                raise ValueError(unknown(self.view.stream, 'field', name, self.view.stream.fields))
        return reduce(and_, (self._fields[name] == value for name, value in wanted.items())) if wanted else None

    def _is_found(self, row: Row) -> bool:
        if self._search is None:
            return True
        field, parts = self._search
        return any(contains(part.evaluate(row), field.value) for part in parts)

    def __str__(self) -> str:
        """Return the rows as a person sees them, for the message of a test that has failed, and not their template."""
        rows, inside = self.shown, self.row.descendants()
        parts = [f'{name_of(part)} {marker!r}' for part in inside for marker in part._markers]  # noqa: SLF001
        told = f'LiveList [markers={", ".join(self._markers)}, rows={len(rows)} of {len(self.view.rows)}]'
        if self.view.refused:
            told += f'\n refused: {self.view.refused}'
        if parts:
            told += f'\n in each row: {", ".join(parts)}'
        with viewed_by(viewer_of(self.client)):
            for row in rows[:TOLD_ROWS]:
                texts = [as_text(shown.evaluate(row)) for shown in self.shown_texts]
                told += f'\n {", ".join(map(repr, texts))} of {row}' if texts else f'\n {row}'
        return told + (f'\n and {len(rows) - TOLD_ROWS} more' if len(rows) > TOLD_ROWS else '')

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        with viewed_by(viewer_of(self.client)):
            texts = [as_text(shown.evaluate(row)) for row in self.shown for shown in self.shown_texts]
        return [*super()._displayed_contents(only_visible=only_visible), *texts]


def _function(condition: Condition) -> str:
    """Return a JavaScript function that tells whether a row is shown; ``null`` where all are."""
    return 'null' if condition is None else f'(props) => {RUNTIME}.is_true({condition.javascript})'
