"""The HTTP routes of the browser's part: its modules, and the answer to which session a page belongs to.

All routes are below NiceGUI's own path, so they work wherever NiceGUI works: in an app that is mounted at a path,
behind a proxy that strips a prefix, and with a sign-in middleware that lets NiceGUI's files through.
"""

from __future__ import annotations

import hashlib
import html
import secrets
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

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
    """The browser's modules. They are read once, when this is made, so don't make it on an event loop.

    What is served is what was read: files that an upgrade puts in place never come under the URL of those before.
    """

    def __init__(self) -> None:
        self.contents = {module.relative_to(_directory()).as_posix(): module.read_bytes() for module in _modules()}
        """What each module holds, by its path below ``assets/``."""
        digest = hashlib.sha256(b''.join(self.contents.values())).hexdigest()[:HASH_LENGTH]
        self.url = f'{URL}/{digest}'
        """The path of the URL under which the modules are; it changes with their content."""
        self._process = secrets.token_hex(8)
        self._first = f'<script>\n{self.contents[FIRST_SCRIPT].decode()}</script>'

    def routes(self, settle_session: Callable[[Request], Awaitable[Response]]) -> Mount:
        """Return the routes of the modules, and of the question which session a page belongs to."""
        modules = Route(self.url.removeprefix(URL) + '/{name:path}', self._answer)
        return Mount(URL, routes=[Route('/session', settle_session, methods=['POST']), modules])

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
        lines = [
            self._first,
            f'<meta name="todosync-session" content="{html.escape(session_tag)}">',
            f'<meta name="todosync-process" content="{self._process}">',
        ]
        if reason_to_keep_apart is not None:
            lines.append(f'<meta name="todosync-alone" content="{html.escape(reason_to_keep_apart)}">')
        entries = [ENTRY_MODULE, *sorted(further_entries)]
        lines += [f'<script type="module" src="{url}/{html.escape(name)}"></script>' for name in entries]
        folders = {PurePosixPath('tabs'), *(PurePosixPath(name).parent for name in entries[1:])}
        # so that the browser fetches all modules at once, instead of finding one import after the other
        lines += [
            f'<link rel="modulepreload" href="{url}/{html.escape(name)}">'
            for name in self.contents
            if name not in entries and PurePosixPath(name).parent in folders
        ]
        return '\n'.join(lines) + '\n'

    async def _answer(self, request: Request) -> Response:
        content = self.contents.get(request.path_params['name'])
        if content is None:
            return Response(status_code=404)
        headers = {'Cache-Control': f'public, max-age={YEAR}, immutable'}
        return Response(content, media_type='text/javascript', headers=headers)


def prefix_of(request: Request) -> str:
    """Return what stands before all paths of this app in the browser's address, as NiceGUI finds it."""
    stripped_by_proxy = quote(request.headers.get('X-Forwarded-Prefix', ''), safe=LEGAL_IN_PATHS)
    return stripped_by_proxy + str(request.scope.get('root_path', ''))


def _directory() -> Path:
    """Return where the browser's modules are: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    packaged = package / 'assets'
    return packaged if packaged.is_dir() else package.parent / 'assets'


def _modules() -> list[Path]:
    return sorted(_directory().rglob('*.js'))
