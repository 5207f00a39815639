"""Copies static files, with compressed variants, to where Caddy sends them without asking the app."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import brotli
import nicegui
from nicegui import dependencies

from todosync.tabs.modules import Modules

from .serving import load_all_elements

COMPRESSIBLE = frozenset({'.js', '.mjs', '.css', '.svg', '.json', '.map', '.html', '.wasm', '.ttf'})
MIN_SIZE = 1024
"""Smaller files are not compressed, because that would not save a packet."""
QUALITY = 10
"""Brotli has levels 0 to 11. The highest takes twice the time and saves one percent more."""
FORGOTTEN_AFTER = 3600.0
"""Seconds after which nobody is writing a draft any more: its process was ended. Writing one takes a moment."""
NICEGUI_URL = f'_nicegui/{nicegui.__version__}'


def collect(directory: Path) -> int:
    """Copy the browser's files of NiceGUI and of todosync to the paths of their URLs, each with a Brotli variant.

    Files that exist are not written again: when the content of a file changes, its URL changes, too. A process that
    collects may be killed at any time: no file is half written, and the next one goes on and removes what was left.

    :param directory: the root, as Caddy sees it
    :return: how many files were written
    :raises OSError: the directory cannot be written to
    """
    _remove_forgotten_drafts(directory)
    load_all_elements()
    missing = [(source, target) for source, target in _files(directory) if not target.exists()]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda pair: _write(*pair), missing))
    return len(missing)


def _files(directory: Path) -> Iterator[tuple[Path | bytes, Path]]:
    """Return what there is, a file or its content, and the path of its copy."""
    root = directory / NICEGUI_URL
    yield from _tree(Path(nicegui.__file__).parent / 'static', root / 'static')
    for key, component in dependencies.js_components.items():
        yield component.path, root / 'components' / key
    for key, library in dependencies.libraries.items():
        yield library.path, root / 'libraries' / key
    for key, resource in dependencies.resources.items():
        yield from _tree(resource.path, root / 'resources' / key)
    for key, module in dependencies.esm_modules.items():
        yield from _tree(module.path, root / 'esm' / key)
    modules = Modules()
    for name, content in modules.scripts.items():
        yield content, directory / modules.url.lstrip('/') / name


def _tree(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    for path in source.rglob('*'):
        if path.is_file() and path.suffix != '.py':
            yield path, target / path.relative_to(source)


def _write(source: Path | bytes, target: Path) -> None:
    content = source if isinstance(source, bytes) else source.read_bytes()
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix in COMPRESSIBLE and len(content) >= MIN_SIZE:
        # the variant is written first, so that a file is never there without its variant
        _replace(target.with_name(f'{target.name}.br'), brotli.compress(content, quality=QUALITY))
    _replace(target, content)


def _replace(target: Path, content: bytes) -> None:
    draft = target.with_name(f'.{target.name}.{os.getpid()}')
    draft.write_bytes(content)
    draft.replace(target)


def _remove_forgotten_drafts(directory: Path) -> None:
    for draft in directory.rglob('.*.[0-9]*'):
        with suppress(FileNotFoundError):  # another process that collects has finished it
            if time.time() - draft.stat().st_mtime > FORGOTTEN_AFTER:
                draft.unlink()
