"""How the app looks, and the switch between light and dark, with `theme.js` for the browser."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from nicegui import ui

NEXT_MODE: dict[bool | None, bool | None] = {None: False, False: True, True: None}
MODE_NAMES: dict[bool | None, str] = {None: 'auto', False: 'light', True: 'dark'}
MODES = {name: mode for mode, name in MODE_NAMES.items()}
COOKIE = 'todosync_colours'
"""Where the browser keeps what was chosen: nothing is left on the server for each visitor who plays with it."""


class ThemeToggle(ui.element, component='theme.js'):
    """A button that switches the colours: as the system has them, light, dark. The choice is kept for the browser.

    Example::

        ThemeToggle()
    """

    def __init__(self) -> None:
        super().__init__()
        self._dark = ui.dark_mode(MODES.get(ui.context.client.request.cookies.get(COOKIE, '')))
        self.mark('theme').on('click', self._switch, args=[])
        self._show()
        if self._dark.value is not None:  # until the scripts run, only this style sets the colours
            ui.add_head_html(f'<style>:root {{ color-scheme: {MODE_NAMES[self._dark.value]} }}</style>')

    def _switch(self) -> None:
        self._dark.value = NEXT_MODE[self._dark.value]
        self.run_method('keep', COOKIE, MODE_NAMES[self._dark.value])
        self._show()

    def _show(self) -> None:
        name = MODE_NAMES[self._dark.value]
        label = 'Colours: as the system' if name == 'auto' else f'Colours: {name}'
        self.classes(replace=f'icon icon-{name}')
        self.props['aria-label'] = self.props['title'] = label


def use_theme() -> None:
    """Add the app's style sheet to the page.

    Example::

        use_theme()
    """
    ui.add_css(_style_sheet())


@cache
def _style_sheet() -> str:
    return (Path(__file__).parent / 'theme.css').read_text(encoding='utf-8')
