"""The HTTP routes of the browser's part: its scripts, and the answer to which session a page belongs to.

All routes are below NiceGUI's own path, so they work wherever NiceGUI works: in an app that is mounted at a path,
behind a proxy that strips a prefix, and with a sign-in middleware that lets NiceGUI's files through.
"""

from __future__ import annotations

import hashlib
import html
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from .scripts import put_together

URL = '/_nicegui/todosync'
HASH_LENGTH = 12
YEAR = 365 * 24 * 3600
FIRST_SCRIPT = 'first.js'
"""It stands in each page itself. Every other module that stands in ``assets/`` itself is what some pages load."""
SHARING_ONLY = 'leader.js'
"""What a page loads whose tabs share a socket, and nothing else."""
LEGAL_IN_PATHS = "/:@!$&'()*+,;=%"
"""Characters that are not escaped in a prefix, the same as in NiceGUI."""


class Modules:
    """The browser's modules. They are read once, when this is made, so don't make it on an event loop.

    What is served is what was read: files that an upgrade puts in place never come under the URL of those before.
    """

    def __init__(self) -> None:
        modules = {module.relative_to(_directory()).as_posix(): module.read_text() for module in _modules()}
        first = modules.pop(FIRST_SCRIPT)
        self.scripts = {name: put_together(name, modules).encode() for name in modules if '/' not in name}
        """What pages load, by name, each with all that it imports."""
        digest = hashlib.sha256(b''.join(self.scripts.values())).hexdigest()[:HASH_LENGTH]
        self.url = f'{URL}/{digest}'
        """The path of the URL under which the scripts are; it changes with their content."""
        self._process = secrets.token_hex(8)
        self._first = f'<script>\n{first}</script>'

    def routes(self, settle_session: Callable[[Request], Awaitable[Response]]) -> Mount:
        """Return the routes of the scripts, and of the question which session a page belongs to."""
        scripts = Route(self.url.removeprefix(URL) + '/{name}', self._answer)
        return Mount(URL, routes=[Route('/session', settle_session, methods=['POST']), scripts])

    def head(
        self, request: Request, script: str, *, session_tag: str, person: str = '', reason_to_keep_apart: str | None
    ) -> str:
        """Return the html that loads a script into a page.

        :param request: the request of the page
        :param script: one of :attr:`scripts`
        :param session_tag: see :meth:`Sessions.tag`
        :param person: who sends the request, as a text that the browser may see; empty for nobody
        :param reason_to_keep_apart: why each tab keeps a socket of its own, for the tab's event log
        """
        url = html.escape(f'{prefix_of(request)}{self.url}/{script}')
        lines = [
            self._first,
            f'<meta name="todosync-session" content="{html.escape(session_tag)}">',
            f'<meta name="todosync-process" content="{self._process}">',
            f'<script type="module" src="{url}"></script>',
        ]
        if person:
            lines.insert(1, f'<meta name="todosync-person" content="{html.escape(person)}">')
        if reason_to_keep_apart is not None:
            lines.insert(1, f'<meta name="todosync-alone" content="{html.escape(reason_to_keep_apart)}">')
        return '\n'.join(lines) + '\n'

    async def _answer(self, request: Request) -> Response:
        content = self.scripts.get(request.path_params['name'])
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
