"""The browser's files stay as they were when the process started, whatever an upgrade puts in their place.

Browsers and proxies keep such a file for a year under its URL. NiceGUI makes the URL from the file's time, and reads
the file anew for each request. So a process that still runs when its files are replaced would give new code under an
old URL; and where all files have one time, as in an image, a release would have the URLs of the one before. This uses
internals of NiceGUI, which ``tests/production/test_kept_files.py`` checks.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import nicegui
from fastapi import FastAPI
from nicegui import dependencies
from nicegui.element import Element
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NICEGUI = Path(nicegui.__file__).parent
FILES = '/_nicegui/'
URL = f'{FILES}{nicegui.__version__}/'
KEY_LENGTH = 32
FOR_LONG = 'public, max-age=31536000, immutable'

key_of_nicegui = dependencies.compute_key


class KeptFiles:
    """What the browser's files were when this process read them.

    Components and libraries of todosync and of the app are kept, and their URLs are made from their content. Of
    NiceGUI's own files, which are 20 MB, only the times are kept; their URLs have NiceGUI's version in them. Folders
    that an app registers, as resources or as ESM packages, stay as NiceGUI has them.

    :param app: the app whose files these are
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._contents: dict[Path, bytes] = {}
        self._keys: dict[Path, str] = {}
        self._stamps: dict[Path, tuple[int, ...] | None] = {}
        self._is_before = False

    def install(self) -> None:
        """Read the files that are known by now. Others are read when they become known. Call it before ``ui.run()``."""
        dependencies.compute_key = self._key_of  # type: ignore[assignment]  # NiceGUI calls it for each new file
        registries: list[dict[str, Any]] = [
            dependencies.js_components,
            dependencies.vue_components,
            dependencies.libraries,
        ]
        for registry in registries:
            for former, known in list(registry.items()):
                if _is_own(known.path):
                    del registry[former]
                    known.key = self._key_of(known.path, max_time=None)
                    registry[known.key] = known
        for kind in _all_below(Element):  # each has a copy of its own
            if kind.component is not None and _is_own(kind.component.path):
                kind.component.key = self._key_of(kind.component.path, max_time=None)
        self._stamps = {path: _stamp(path) for path in NICEGUI.rglob('*') if path.suffix not in {'.py', '.pyc'}}

    def start(self) -> None:
        """Stand before all middleware; safe to call twice."""
        # in the simulated app of a test there is none yet
        if self._app.middleware_stack is not None and not self._is_before:
            self._is_before = True
            self._app.middleware_stack = _Before(self, self._app.middleware_stack)

    def stop(self) -> None:
        """Do nothing: the process ends."""

    def content(self, path: Path) -> bytes | None:
        """Return what a file of todosync or of the app held."""
        return self._contents.get(path)

    def is_other(self, path: Path) -> bool:
        """Return whether the file is another one than before. Blocks."""
        return path in self._stamps and _stamp(path) != self._stamps[path]

    def _key_of(self, path: Path, *, max_time: float | None) -> str:
        if not _is_own(path):
            return key_of_nicegui(path, max_time=max_time)
        if path not in self._keys:
            self._contents[path] = content = path.read_bytes()
            digest = hashlib.sha256(path.as_posix().encode() + content).hexdigest()
            self._keys[path] = f'{digest[:KEY_LENGTH]}/{path.name}'
        return self._keys[path]


class _Before:
    """Answers requests for kept files. No cache may keep an answer that says that there is no such file."""

    def __init__(self, files: KeptFiles, app: ASGIApp) -> None:
        self.app = app
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        url = scope.get('path', '').removeprefix(scope.get('root_path', ''))
        if scope['type'] != 'http' or not url.startswith(FILES):
            await self.app(scope, receive, send)
            return

        async def send_failure_unkept(message: Message) -> None:
            if message['type'] == 'http.response.start' and message['status'] >= HTTPStatus.BAD_REQUEST:
                MutableHeaders(scope=message)['Cache-Control'] = 'no-store'
            await send(message)

        answer = self.app
        if (path := _path_of(url)) is not None and scope['method'] in {'GET', 'HEAD'}:
            if (content := self._files.content(path)) is not None:
                answer = Response(content, media_type='text/javascript', headers={'Cache-Control': FOR_LONG})
            elif await asyncio.to_thread(self._files.is_other, path):
                answer = Response(status_code=HTTPStatus.NOT_FOUND)
        await answer(scope, receive, send_failure_unkept)


def _path_of(url: str) -> Path | None:
    """Return which file NiceGUI would read for a URL."""
    kind, _, rest = url.removeprefix(URL).partition('/')
    key, _, inner = rest.partition('/')
    if kind == 'static':
        return NICEGUI / 'static' / rest
    if kind == 'components':
        return known.path if (known := dependencies.js_components.get(rest)) else None
    if kind == 'libraries':
        return library.path if (library := dependencies.libraries.get(rest)) else None
    if kind == 'resources':
        return resource.path / inner if (resource := dependencies.resources.get(key)) else None
    if kind == 'esm':
        return module.path / inner if (module := dependencies.esm_modules.get(key)) else None
    return None


def _all_below(kind: type[Element]) -> Iterator[type[Element]]:
    for each in kind.__subclasses__():
        yield each
        yield from _all_below(each)


def _is_own(path: Path) -> bool:
    return not path.is_relative_to(NICEGUI) and path.is_file()


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
