"""Pages at the edge of what NiceGUI can do: the longest text, a page that is loaded before anybody goes there, and one
that the server deletes while it is shown.
"""

import json
import os

from nicegui import app, ui

import todosync

LONGEST = 1_000_000 - 242
"""Characters that a text area may hold so that two more can be typed, as in NiceGUI's own test."""
CLICK_LATER = """
    const click = setInterval(() => {
        const {role, connected} = window.todosync.status;
        if (!connected || role === 'alone') return;
        clearInterval(click);
        document.getElementById('more').click();
    }, 100);
"""
events: list[str] = []
told: list[str] = []
app.on_connect(lambda client: events.append(client.page.path))


@ui.page('/')
def index() -> None:
    """Show a text area that is almost full."""
    changes = ui.label('0').classes('changes')
    ui.textarea(value='x' * LONGEST, on_change=lambda: changes.set_text(str(int(changes.text) + 1)))
    ui.button('more', on_click=lambda: changes.set_text('clicked'))


@ui.page('/start')
def start() -> None:
    """Have the browser load the next page in advance, and go there as soon as that has answered."""
    rules = {'prerender': [{'source': 'list', 'urls': ['/next'], 'eagerness': 'immediate'}]}
    ui.add_head_html(f'<script type="speculationrules">{json.dumps(rules)}</script>')
    ui.timer(0.1, lambda: ui.navigate.to('/next') if has_answered() else None)


def has_answered() -> bool:
    """Return whether the page that is loaded in advance has said whether it is shown."""
    return any(event.startswith('prerendering') for event in events)


@ui.page('/next')
async def next_page() -> None:
    """Note what the browser answers while nobody has gone there yet, and a click once somebody has."""
    ui.button('more', on_click=lambda e: events.append('clicked')).props('id=more')
    ui.add_body_html(f'<script>document.addEventListener("prerenderingchange", () => {{{CLICK_LATER}}})</script>')
    events.append(await ui.run_javascript('`prerendering: ${document.prerendering}`'))


@ui.page('/ends')
def ends() -> None:
    """Have the server delete the page of a tab that stays open."""
    client = ui.context.client
    client.on_disconnect(lambda: told.append('disconnected'))
    client.on_delete(lambda: told.append('deleted'))
    ui.button('end', on_click=client.delete)


@app.get('/told')
def tell_told() -> list[str]:
    """Return what the page that ends was told."""
    return told


@app.get('/events')
def tell_events() -> list[str]:
    """Return what has happened: the paths of the pages that were connected, answers and clicks."""
    return events


todosync.share_socket()
ui.run(host='127.0.0.1', port=int(os.environ['PORT']), show=False, reload=False)
