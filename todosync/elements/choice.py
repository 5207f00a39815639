"""A choice that the browser keeps: the server is not asked, so it works while the server is away."""

from __future__ import annotations

import json
from collections.abc import Iterable

from nicegui import context, core, ui

from .live import LiveElement


class BrowserChoice(ui.element):
    """A choice of what to show, among a few options. The browser keeps it in the page's address, as ``?name=option``.

    So it survives a reload, Back takes it back, and it works without a server. The server is not told what a person
    chooses; a test without a browser clicks on an option, or sets :attr:`value`.

    :param name: its name in the address, different for each choice of a page
    :param options: the options; the first one is chosen where the address names none
    :param keep: keep it for the browser instead: all tabs have the same, at once, and the address says nothing of it

    Example::

        shown = BrowserChoice('filter', ['All', 'Urgent'])
        notes.show_by(shown, {'All': {}, 'Urgent': {'urgent': True}})
    """

    def __init__(self, name: str, options: Iterable[str], *, keep: bool = False) -> None:
        super().__init__('div')
        self.options = tuple(options)
        self._arguments = ', '.join(map(json.dumps, (name, self.options, keep)))
        has_address = not keep and not core.is_script_mode_preflight()
        asked = context.client.request.query_params.get(name) if has_address else None
        self._value = next((option for option in self.options if option.lower() == asked), self.options[0])
        self.props['role'] = 'group'
        with self:
            for option in self.options:
                _Option(self, option)

    @property
    def expression(self) -> str:
        """The JavaScript expression of the option that is chosen in the browser."""
        return f'todosync.choice({self._arguments})'

    @property
    def value(self) -> str:
        """What the address had when the page was loaded, or what Python or a test has chosen since."""
        return self._value

    @value.setter
    def value(self, option: str) -> None:
        self._value = self.known(option)
        self.client.run_javascript(self.choosing(option))

    def known(self, option: str) -> str:
        """Return an option of the choice.

        :param option: the option
        :raises ValueError: the choice has no such option; the message names those that it has
        """
        if option not in self.options:
            raise ValueError(f'there is no option {option!r}; there are {", ".join(map(repr, self.options))}')
        return option

    def choosing(self, option: str) -> str:
        """Return the JavaScript that chooses an option.

        :param option: the option
        """
        return f'todosync.choose({json.dumps(option)}, {self._arguments})'


class _Option(LiveElement):
    """The button of an option."""

    def __init__(self, choice: BrowserChoice, option: str) -> None:
        super().__init__('button', {'aria-pressed': f'{choice.expression} === {json.dumps(option)}'})
        self._choice, self._option = choice, option
        self.props['type'] = 'button'
        self.props['textContent'] = option
        self.on('click', self._choose, js_handler=f'() => {choice.choosing(option)}')

    def _choose(self) -> None:
        self._choice.value = self._option  # of a test: a browser does this by itself

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        return [*super()._displayed_contents(only_visible=only_visible), self._option]
