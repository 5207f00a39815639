"""Pages at the edge of what NiceGUI can do: the longest text, and a page that is loaded before anybody goes there."""

import json
import os

from nicegui import app, ui

import todosync

LONGEST = 1_000_000 - 242
"""Characters that a text area may hold so that two more can be typed, as in NiceGUI's own test."""
connected: list[str] = []
app.on_connect(lambda client: connected.append(client.page.path))


@ui.page('/')
def index() -> None:
    """Show a text area that is almost full."""
    changes = ui.label('0').classes('changes')
    ui.textarea(value='x' * LONGEST, on_change=lambda: changes.set_text(str(int(changes.text) + 1)))
    ui.button('more', on_click=lambda: changes.set_text('clicked'))


@ui.page('/start')
def start() -> None:
    """Have the browser load the next page in advance."""
    rules = {'prerender': [{'source': 'list', 'urls': ['/next'], 'eagerness': 'immediate'}]}
    ui.add_head_html(f'<script type="speculationrules">{json.dumps(rules)}</script>')
    ui.link('Next', '/next')


@ui.page('/next')
async def next_page() -> None:
    """Show what the browser has answered."""
    answer = await ui.run_javascript('1 + 41')
    ui.label(f'answered {answer}').classes('answer')
    count = ui.label('0').classes('count')
    ui.button('more', on_click=lambda: count.set_text(str(int(count.text) + 1)))


@app.get('/connected')
def tell_connected() -> list[str]:
    """Return the paths of the pages that were connected."""
    return connected


todosync.share_socket()
ui.run(host='127.0.0.1', port=int(os.environ['PORT']), show=False, reload=False)
