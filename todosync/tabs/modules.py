"""The HTTP routes of the browser's part: its modules, and the answer to which session a page belongs to.

All routes are below NiceGUI's own path, so they work wherever NiceGUI works: in an app that is mounted at a path,
behind a proxy that strips a prefix, and with a sign-in middleware that lets NiceGUI's files through.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

URL = '/_nicegui/todosync'
ENTRY_MODULE = 'leader.js'
"""It imports the modules in ``tabs/``."""
HASH_LENGTH = 12
YEAR = 365 * 24 * 3600
FIRST_SCRIPT = 'first.js'
"""It stands in each page itself."""
LEGAL_IN_PATHS = "/:@!$&'()*+,;=%"
"""Characters that are not escaped in a prefix, the same as in NiceGUI."""


class Modules:
    """The browser's modules. They are read once, when this is made, so don't make it on an event loop."""

    def __init__(self) -> None:
        self.url = modules_url()
        self._names = [module.relative_to(modules_directory()).as_posix() for module in _modules()]
        self._first = f'<script>\n{(modules_directory() / FIRST_SCRIPT).read_text()}</script>'

    def routes(self, settle_session: Callable[[Request], Awaitable[Response]]) -> Mount:
        """Return the routes of the modules, and of the question which session a page belongs to."""
        files = Mount(self.url.removeprefix(URL), _UnchangingFiles(directory=modules_directory()))
        return Mount(URL, routes=[Route('/session', settle_session, methods=['POST']), files])

    def head(
        self,
        request: Request,
        *,
        session_tag: str,
        reason_to_keep_apart: str | None,
        further_entries: Iterable[str] = (),
    ) -> str:
        """Return the html that loads the modules into a page.

        :param request: the request of the page
        :param session_tag: see :meth:`Sessions.tag`
        :param reason_to_keep_apart: why each tab keeps a socket of its own, for the tab's event log
        :param further_entries: further modules to load, such as ``streams/streams.js``, with those of their folders
        """
        url = html.escape(prefix_of(request) + self.url)
        lines = [self._first, f'<meta name="todosync-session" content="{html.escape(session_tag)}">']
        if reason_to_keep_apart is not None:
            lines.append(f'<meta name="todosync-alone" content="{html.escape(reason_to_keep_apart)}">')
        entries = [ENTRY_MODULE, *sorted(further_entries)]
        lines += [f'<script type="module" src="{url}/{html.escape(name)}"></script>' for name in entries]
        folders = {PurePosixPath('tabs'), *(PurePosixPath(name).parent for name in entries[1:])}
        # so that the browser fetches all modules at once, instead of finding one import after the other
        lines += [
            f'<link rel="modulepreload" href="{url}/{html.escape(name)}">'
            for name in self._names
            if name not in entries and PurePosixPath(name).parent in folders
        ]
        return '\n'.join(lines) + '\n'


def prefix_of(request: Request) -> str:
    """Return what stands before all paths of this app in the browser's address, as NiceGUI finds it."""
    stripped_by_proxy = quote(request.headers.get('X-Forwarded-Prefix', ''), safe=LEGAL_IN_PATHS)
    return stripped_by_proxy + str(request.scope.get('root_path', ''))


def modules_url() -> str:
    """Return the path of the URL under which the browser's modules are; it changes with their content."""
    digest = hashlib.sha256(b''.join(module.read_bytes() for module in _modules())).hexdigest()[:HASH_LENGTH]
    return f'{URL}/{digest}'


def modules_directory() -> Path:
    """Return where the browser's modules are: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    packaged = package / 'assets'
    return packaged if packaged.is_dir() else package.parent / 'assets'


class _UnchangingFiles(StaticFiles):
    """Files whose URLs change with their content, so that browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers['Cache-Control'] = f'public, max-age={YEAR}, immutable'
        return response


def _modules() -> list[Path]:
    return sorted(modules_directory().rglob('*.js'))
