"""An app that knows nothing of todosync but one line, in the ways in which NiceGUI apps are started (``VARIANT``)."""

import os

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import app, ui
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint

import todosync

VARIANT = os.environ['VARIANT']
PORT = int(os.environ['PORT'])


def counter() -> None:
    """Count clicks."""
    count = ui.label('0').classes('count')
    ui.button('more', on_click=lambda: count.set_text(str(int(count.text) + 1)))


class AuthMiddleware(BaseHTTPMiddleware):
    """The one of NiceGUI's example of authentication."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Send who is not signed in to the page where that is done."""
        is_open = request.url.path.startswith('/_nicegui') or request.url.path == '/login'
        if not is_open and not app.storage.user.get('authenticated', False):
            return RedirectResponse('/login')
        return await call_next(request)


todosync.share_socket()
options = {'host': '127.0.0.1', 'port': PORT, 'show': False, 'reload': VARIANT == 'reload'}
if VARIANT == 'script':
    counter()
    ui.run(**options)
elif VARIANT == 'sub_pages':

    @ui.page('/')
    @ui.page('/{_:path}')
    def root() -> None:
        """Show one sub-page wherever it is."""
        ui.sub_pages({'/': counter, '/counter': counter})

    ui.run(**options)
elif VARIANT == 'auth':
    app.add_middleware(AuthMiddleware)

    @ui.page('/login')
    def login() -> RedirectResponse:
        """Sign everybody in."""
        app.storage.user['authenticated'] = True
        return RedirectResponse('/')

    ui.page('/')(counter)
    ui.run(**options, storage_secret='secret')
elif VARIANT in {'mounted', 'run_with'}:
    import uvicorn

    ui.page('/')(counter)
    parent = FastAPI()
    ui.run_with(parent, mount_path='/mounted' if VARIANT == 'mounted' else '/')
    uvicorn.run(parent, host='127.0.0.1', port=PORT, log_level='warning')
else:
    if VARIANT == 'both':
        todosync.setup(todosync.Settings())
        todosync.share_socket()
    ui.page('/')(counter)
    ui.run(**options, storage_secret='secret' if VARIANT in {'secret', 'both'} else None)
