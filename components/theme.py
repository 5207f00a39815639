"""How the app looks: colours for light and dark, the layout, and the switch between them."""

from __future__ import annotations

from nicegui import app, ui

ICONS = {
    'done': 'M9 16.2L4.8 12l-1.4 1.4L9 19 21 7l-1.4-1.4z',
    'add': 'M19 13h-6v6h-2v-6H5v-2h6V5h2v6h6z',
    'edit': 'M14.06 9.02l.92.92L5.92 19H5v-.92l9.06-9.06M17.66 3c-.25 0-.51.1-.7.29l-1.83 1.83 3.75 3.75 1.83-1.83c.39'
    '-.39.39-1.02 0-1.41l-2.34-2.34c-.2-.2-.45-.29-.71-.29zm-3.6 3.19L3 17.25V21h3.75L17.81 9.94z',
    'delete': 'M16 9v10H8V9h8m-1.5-6h-5l-1 1H5v2h14V4h-3.5zM18 7H6v12c0 1.1.9 2 2 2h8c1.1 0 2-.9 2-2z',
    'light': 'M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM11 1h2v4h-2zm0 18h2v4h-2zM1 11h4v2H1zm18 0h4v2h-4zM4.9 3.5l2.8 2.8'
    '-1.4 1.4-2.8-2.8zm12.8 12.7l2.8 2.8-1.4 1.4-2.8-2.8zM3.5 19.1l2.8-2.8 1.4 1.4-2.8 2.8zM16.3 6.3l2.8-2.8 1.4 1.4'
    '-2.8 2.8z',
    'dark': 'M12 3a9 9 0 1 0 9 9c0-.46-.04-.92-.1-1.36a5.4 5.4 0 0 1-4.4 2.26 5.4 5.4 0 0 1-3.14-9.8c-.44-.06-.9-.1'
    '-1.36-.1z',
    'auto': 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 18V4a8 8 0 0 1 0 16z',
}
"""Outlines in a box of 24: drawn by the style sheet, so that no icon font has to be loaded."""

SVG = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Cpath d='{}'/%3E%3C/svg%3E"

CSS = """
:root { color-scheme: light dark; }
:root:has(> .body--light) { color-scheme: light; }
:root:has(> .body--dark) { color-scheme: dark; }
:root {
    --page: light-dark(#f6f6f3, #131416);
    --surface: light-dark(#ffffff, #1c1e21);
    --raised: light-dark(#f1f1ed, #26292d);
    --chosen: light-dark(#e6e7e0, #2f343a);
    --line: light-dark(#e3e3dd, #2e3237);
    --ink: light-dark(#1d2125, #e9e9e6);
    --muted: light-dark(#62686f, #9aa1a9);
    --accent: light-dark(#1f6f54, #6cc9a4);
    --on-accent: light-dark(#ffffff, #10231b);
    --danger: light-dark(#b3261e, #f2a49e);
    --leader: light-dark(#8a5a00, #e6b450);
    --follower: light-dark(#1d5fa8, #82b4f0);
    --cable: light-dark(#6a4fa3, #b9a3ee);
    --broadcast: light-dark(#1f6f54, #6cc9a4);
}
html, body, body.body--dark { background: var(--page); color: var(--ink); }
body {
    --q-primary: var(--accent) !important;
    font-family: system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif;
    font-size: 16px;
    line-height: 1.45;
}
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.q-virtual-scroll:focus-visible { outline-offset: -2px; }

.page {
    box-sizing: border-box;
    width: 100%;
    max-width: 44rem;
    height: 100vh;
    height: 100dvh;
    margin: 0 auto;
    padding: 1.75rem 1rem 0;
    display: flex;
    flex-direction: column;
}
.nicegui-content:has(> .page) { padding: 0; }
.page-header { display: flex; align-items: center; gap: .5rem; margin-bottom: 1rem; }
.page-header h1 {
    flex: 1;
    min-width: 0;
    margin: 0;
    font-size: 1.5rem;
    font-weight: 650;
    line-height: 1.25;
    letter-spacing: -.015em;
    font-variant-numeric: tabular-nums;
}
.page-footer {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 0 1rem;
    padding: .5rem 0 .75rem;
    font-size: .8125rem;
    color: var(--muted);
}

.icon {
    flex: none;
    display: inline-grid;
    place-items: center;
    width: 2.25rem;
    height: 2.25rem;
    border-radius: .5rem;
    color: var(--muted);
}
.icon:hover { background: var(--raised); color: var(--ink); }
.icon::before {
    content: '';
    width: 1.25rem;
    height: 1.25rem;
    background: currentColor;
    mask: var(--icon) center / contain;
}
/* icons */

.todo-form .q-field--outlined .q-field__control {
    background: var(--surface);
    border-radius: .75rem;
    padding-right: .5rem;
}
.todo-form .q-field--outlined .q-field__control::before { border-color: var(--line); }
.todo-form .q-field__native, .todo-form .q-field__input { color: var(--ink); }
.todo-form .q-field__label { color: var(--muted); }
.todo-form .q-field--float .q-field__label { color: var(--accent); }
.todo-form .q-field { font-size: 1rem; }
.todo-form .q-field__bottom { font-size: .8125rem; padding: .375rem .75rem 0; }
.todo-form .icon-add { color: var(--accent); }

.todo-list { flex: 1; min-height: 0; display: flex; flex-direction: column; margin-top: .25rem; }
.todo-filter { align-self: flex-start; margin-bottom: .5rem; gap: .25rem; box-shadow: none; }
.todo-filter .q-btn {
    padding: .125rem .75rem;
    min-height: 2rem;
    border-radius: 1rem !important;
    font-size: .875rem;
    font-weight: 500;
}
.todo-filter .q-btn { color: var(--muted); }
.todo-filter .q-btn.bg-chosen { color: var(--ink); background: var(--chosen); }
.todo-rows {
    flex: 1;
    min-height: 0;
    border-radius: .75rem;
    overflow-anchor: none;
    overscroll-behavior: contain;
    scrollbar-width: thin;
    scrollbar-color: var(--line) transparent;
}
.todo-rows:not(:has(.todo)) { display: none; }
.todo {
    display: flex;
    align-items: flex-start;
    gap: .25rem;
    min-height: 3.25rem;
    box-sizing: border-box;
    padding: .5rem .5rem .5rem 1rem;
    background: var(--surface);
    border: solid var(--line);
    border-width: 1px 1px 0;
}
.todo:first-child { border-radius: .75rem .75rem 0 0; }
.todo:last-child { border-radius: 0 0 .75rem .75rem; border-bottom-width: 1px; }
.todo:only-child { border-radius: .75rem; }
.todo-checkbox {
    appearance: none;
    flex: none;
    width: 1.25rem;
    height: 1.25rem;
    margin: .4375rem .5rem;
    border: 2px solid var(--muted);
    border-radius: .375rem;
    cursor: pointer;
}
.todo-checkbox:hover { border-color: var(--accent); }
.todo-checkbox:checked { border-color: var(--accent); background: var(--accent); }
.todo-checkbox:checked::before {
    content: '';
    display: block;
    height: 100%;
    background: var(--on-accent);
    mask: var(--icon-done) center / 1.125rem no-repeat;
}
.todo-title {
    flex: 1;
    min-width: 0;
    padding: .3125rem .5rem;
    overflow-wrap: anywhere;
    white-space: pre-wrap;
    text-align: start;
    unicode-bidi: plaintext;
    transition: color .15s;
}
.todo-title-done { color: var(--muted); text-decoration: line-through; text-decoration-thickness: 1px; }
.todo-edit {
    display: none;
    flex: 1;
    min-width: 0;
    font: inherit;
    color: var(--ink);
    background: var(--raised);
    border: 0;
    border-radius: .5rem;
    padding: .3125rem .5rem;
    margin-inline-end: .25rem;
}
.todo[data-editing] .todo-edit { display: block; }
.todo[data-editing] .todo-title { display: none; }
.todo .icon { opacity: 0; transition: opacity .15s; }
.todo:hover .icon, .todo:focus-within .icon { opacity: 1; }
.todo .icon-delete:hover { color: var(--danger); }
@media (hover: none) { .todo .icon { opacity: .75; } }
.todo-nothing { margin: 4rem 1rem; text-align: center; color: var(--muted); }
.q-notification {
    border-radius: .75rem;
    box-shadow: 0 4px 24px #0003;
    background: light-dark(#2a2d31, #e9e9e6) !important;
    color: light-dark(#f4f4f2, #1d2125) !important;
}
.todo-undo .q-notification__message {
    max-width: min(28rem, 70vw);
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
}
.q-notification .q-btn { color: light-dark(#8fd8bb, #1f6f54) !important; font-weight: 600; }

.leader-badge { padding-inline-start: .25rem; display: inline-flex; align-items: center; gap: .5rem; }
.leader-badge::before { content: ''; width: .5rem; height: .5rem; border-radius: 50%; background: var(--muted); }
.leader-badge[data-role=leader]::before { background: var(--leader); }
.leader-badge[data-role=follower]::before { background: var(--follower); }
.leader-badge[data-role=alone]::before { background: var(--cable); }
.leader-badge[data-connected=false]::before { opacity: .3; }

.event-log { flex: 1; }
.event-log[open] { flex-basis: 100%; order: -1; }
.event-log summary {
    display: flex;
    justify-content: flex-end;
    gap: .5rem;
    padding: .25rem;
    cursor: pointer;
    list-style: none;
}
.event-log summary::-webkit-details-marker { display: none; }
.event-log summary::after { content: '▸'; transition: transform .15s; }
.event-log[open] summary { justify-content: flex-start; }
.event-log[open] summary::after { transform: rotate(90deg); }
.event-count {
    min-width: 1.75em;
    padding: 0 .375em;
    text-align: center;
    font-variant-numeric: tabular-nums;
    background: var(--raised);
    border-radius: .75rem;
}
.event-panel { position: relative; }
.event-entries {
    height: min(13rem, 34vh);
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: .75rem;
    padding: .375rem 0;
    font: .75rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace;
}
.event { display: flex; gap: .75rem; padding: .125rem .75rem; }
.event time { color: var(--muted); }
.event-category { flex: none; width: 4.75rem; }
.event-leader { color: var(--leader); }
.event-follower { color: var(--follower); }
.event-cable { color: var(--cable); }
.event-broadcast { color: var(--broadcast); }
.event-text { flex: 1; min-width: 0; color: var(--ink); overflow-wrap: anywhere; }
.event-clear {
    position: absolute;
    top: .375rem;
    right: .75rem;
    padding: .125rem .5rem;
    border-radius: .5rem;
    background: var(--raised);
}
.event-clear:hover { color: var(--ink); }

/* NiceGUI's own sign of a lost connection, as a quiet pill instead of a box */
#popup {
    bottom: 3.25rem;
    left: 50%;
    translate: -50% 0;
    margin: 0;
    padding: .375rem 1rem;
    flex-direction: row;
    gap: .375rem;
    white-space: nowrap;
    font-size: .8125rem;
    color: var(--on-accent);
    background: var(--leader);
    border: 0;
    border-radius: 1rem;
    transition: opacity .2s;
}
#popup[aria-hidden='false'] { transition-delay: 0s; }
#popup > span:first-child { font-weight: 600; }
#popup > span:first-child::before { content: none; }

@media (max-width: 30rem) {
    .page { padding-top: 1rem; }
    .page-header h1 { font-size: 1.25rem; }
    .event { flex-wrap: wrap; gap: 0 .75rem; }
    .event-text { flex-basis: 100%; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
"""

NEXT_MODE: dict[bool | None, bool | None] = {None: False, False: True, True: None}
MODE_NAMES: dict[bool | None, str] = {None: 'auto', False: 'light', True: 'dark'}


class ThemeToggle(ui.element):
    """A button that goes from following the system to light, to dark, and back. The browser's choice is remembered.

    Example::

        ThemeToggle()
    """

    def __init__(self) -> None:
        super().__init__('button')
        self._dark = ui.dark_mode(app.storage.user.get('dark'))
        self.props('type=button').mark('theme').on('click', self._switch, js_handler='() => emit()')
        self._show()
        if self._dark.value is not None:  # before the scripts are there to say so
            ui.add_head_html(f'<style>:root {{ color-scheme: {MODE_NAMES[self._dark.value]} }}</style>')

    def _switch(self) -> None:
        app.storage.user['dark'] = self._dark.value = NEXT_MODE[self._dark.value]
        self._show()

    def _show(self) -> None:
        name = MODE_NAMES[self._dark.value]
        label = 'Colours: as the system' if name == 'auto' else f'Colours: {name}'
        self.classes(replace=f'icon icon-{name}')
        self.props['aria-label'] = self.props['title'] = label


def use_theme() -> None:
    """Give the page the app's look.

    Example::

        use_theme()
    """
    ui.add_css(CSS.replace('/* icons */', _icon_rules()))


def _icon_rules() -> str:
    images = '\n'.join(f'--icon-{name}: url("{SVG.format(outline)}");' for name, outline in ICONS.items())
    classes = '\n'.join(f'.icon-{name} {{ --icon: var(--icon-{name}); }}' for name in ICONS)
    return f':root {{\n{images}\n}}\n{classes}'
