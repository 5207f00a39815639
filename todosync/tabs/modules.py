"""What the browser's part needs over HTTP: its modules, and the question which session a page belongs to."""

import hashlib
import html
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from nicegui import app
from pydantic import BaseModel

from .sessions import Sessions

URL = '/_todosync'
ENTRY_MODULE = 'leader.js'
HASH_LENGTH = 12
YEAR = 365 * 24 * 3600


class Page(BaseModel):
    """The page that asks, by what only it and the server know."""

    client_id: str


def serve_modules() -> str:
    """Serve the browser's modules under a URL that changes with their content.

    :return: the html that loads them
    """
    url = modules_url()
    app.add_static_files(url, modules_directory(), max_cache_age=YEAR)
    # the modules are fetched side by side, not one after the other as each is found to import the next
    preloads = [
        f'<link rel="modulepreload" href="{url}/{html.escape(name)}">'
        for name in (module.relative_to(modules_directory()).as_posix() for module in _modules())
        if name != ENTRY_MODULE
    ]
    return '\n'.join([f'<script type="module" src="{url}/{ENTRY_MODULE}"></script>', *preloads])


def modules_url() -> str:
    """Return the path of the URL under which the browser's modules are; it changes with their content."""
    digest = hashlib.sha256(b''.join(module.read_bytes() for module in _modules())).hexdigest()[:HASH_LENGTH]
    return f'{URL}/{digest}'


def modules_directory() -> Path:
    """Return where the browser's modules are: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    packaged = package / 'assets'
    return packaged if packaged.is_dir() else package.parent / 'assets'


def keep_tabs_apart(reason: str) -> str:
    """Return the html that makes each tab keep a socket of its own.

    :param reason: what the tab's event log says about it
    """
    return f'<meta name="todosync-alone" content="{html.escape(reason)}">'


def make_session_router(sessions: Sessions) -> APIRouter:
    """Return the route by which a fresh page learns its session."""
    router = APIRouter(include_in_schema=False)

    @router.post(f'{URL}/session')
    async def settle_session(page: Page, request: Request) -> JSONResponse:
        # no forgery check: another site does not know the page's client id, which is worth a session
        tag = sessions.settle(page.client_id, request.session.get('id'))
        return JSONResponse({'tag': tag}, headers={'Cache-Control': 'no-store'})

    return router


def _modules() -> list[Path]:
    return sorted(modules_directory().rglob('*.js'))
