"""Runs the browser's modules in a real Chromium: each ``test("...")`` of each ``*.test.js`` is one test here."""

from __future__ import annotations

import functools
import mimetypes
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import nicegui
import pytest
from playwright.sync_api import Page, Route, sync_playwright

from tests.e2e.browser import CHROMIUM

HERE = Path(__file__).parent
ORIGIN = 'http://localhost'
"""No server listens at this address: :func:`_serve` answers every request."""
DIRECTORIES = {
    'assets': HERE.parent.parent / 'assets',
    'tests': HERE,
    'nicegui': Path(nicegui.__file__).parent / 'static',
}
PAGE = """<!doctype html><meta charset="utf-8"><title>tests</title>
<script type="importmap">{"imports": {"vue": "/nicegui/vue.esm-browser.prod.js"}}</script>"""
SANDBOXED = (
    'window document navigator BroadcastChannel Promise performance setTimeout clearTimeout setInterval clearInterval'
)
"""The globals that a module under ``/sandbox/<name>/`` takes from ``globalThis.sandboxes[name]``."""
TIMEOUT_MS = 120_000

FILES = sorted(path.name for path in HERE.glob('*.test.js'))
NAMES = {file: re.findall(r'^test\("(.*)", ', (HERE / file).read_text(), re.MULTILINE) for file in FILES}


@pytest.mark.parametrize(
    ('file', 'name'),
    [pytest.param(file, name, id=f'{file}: {name}') for file, names in NAMES.items() for name in names],
)
def test_module(file: str, name: str) -> None:
    errors = _run(file)
    assert name in errors, f'{name!r} did not run'
    assert not errors[name], errors[name]


@contextmanager
def modules_page(timeout: float = TIMEOUT_MS, options: Mapping[str, str] | None = None) -> Iterator[Page]:
    """Open a page that can import the modules, from ``/assets/`` and ``/tests/``."""
    # opened and closed in one go: while it runs, Playwright's event loop would be in the way of other tests' loops
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox', '--disable-gpu'])
        page = browser.new_page()
        page.set_default_timeout(timeout)
        page.on('console', lambda message: print(message.text))  # noqa: T201 - pytest shows it with a failure
        page.route('**/*', _serve)
        page.goto(f'{ORIGIN}/?{urlencode(options or {})}')
        yield page
        browser.close()


@functools.cache
def _run(file: str) -> dict[str, str]:
    """Return the error of each test of a file, by the test's name; empty where there is none."""
    options = {'seconds': os.environ.get('EXPLORE_SECONDS', '0'), 'seed': os.environ.get('SEED', '1')}
    timeout = TIMEOUT_MS + 3000 * float(options['seconds'])
    with modules_page(timeout, options) as page:
        results: dict[str, str] = page.evaluate(
            """async (file) => {
                const { runTests } = await import('/tests/harness.js');
                await import(`/tests/${file}`);
                return runTests();
            }""",
            file,
        )
    return results


def _serve(route: Route) -> None:
    path = urlsplit(route.request.url).path
    _, directory, *rest = path.split('/')
    if path == '/':
        route.fulfill(body=PAGE, content_type='text/html')
    elif directory == 'sandbox':
        name, *names = rest
        prelude = f'const {{ {", ".join(SANDBOXED.split())} }} = globalThis.sandboxes["{name}"];'
        _fulfill(route, DIRECTORIES['assets'].joinpath(*names), prelude)
    elif directory in DIRECTORIES:
        _fulfill(route, DIRECTORIES[directory].joinpath(*rest))
    else:
        route.fulfill(status=404)


def _fulfill(route: Route, file: Path, prelude: str = '') -> None:
    answer: dict[str, Any] = {'content_type': mimetypes.guess_type(file.name)[0]}
    if file.is_file():
        route.fulfill(body=prelude + file.read_text(), **answer)
    else:
        route.fulfill(status=404)
