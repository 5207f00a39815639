"""Puts the browser's modules together into one script for a page.

Over a slow connection a page waits for the number of its requests rather than for their size, and there are about fifty
modules. The script does what the browser would do with the modules: each runs once, after those that it imports, in a
function of its own. A bundler would do more, but needs Node where the server is installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import dirname, join, normpath

IMPORT = re.compile(r'^import (?:(\{\s*\w+(?:,\s*\w+)*,?\s*\}) from )?"([^"]+)";$', re.MULTILINE)
EXPORT = re.compile(r'^export (?=(?:async function|function|class|const) (\w+))', re.MULTILINE)
OTHER_FORM = re.compile(r'^(?:import|export)\b|\bawait import\(', re.MULTILINE)


class UnknownFormError(ValueError):
    """A module has an ``import`` or an ``export`` of another form."""


def put_together(entry: str, modules: Mapping[str, str]) -> str:
    """Return one script that does what a module and all that it imports do.

    :param entry: the path of the module
    :param modules: the modules by their paths, with ``/`` between folders; they do not import each other in a circle
    :return: the script. It is a module itself, which imports what is in none of ``modules``
    :raises UnknownFormError: a module has an ``import`` or ``export`` that is not read here; the message has the line
    """
    functions: dict[str, str] = {}
    foreign: dict[str, set[str]] = {}

    def add(path: str) -> None:
        if path in functions:
            return

        def given(found: re.Match[str]) -> str:
            names, imported = found.groups()
            if not imported.startswith('.'):
                foreign.setdefault(imported, set()).update(re.findall(r'\w+', names or ''))
                return ''
            other = normpath(join(dirname(path), imported))
            add(other)
            return f'const {names} = {_name(other)};' if names else ''

        body = IMPORT.sub(given, modules[path])
        exported = ', '.join(EXPORT.findall(body))
        body = EXPORT.sub('', body)
        if other_form := OTHER_FORM.search(body):
            line = body.count('\n', 0, other_form.start())
            raise UnknownFormError(f'{path}: {body.splitlines()[line]}')
        functions[path] = f'const {_name(path)} = (() => {{ // {path}\n{body}return {{ {exported} }};\n}})();'

    add(entry)
    imports = [f'import {{ {", ".join(sorted(names))} }} from "{name}";' for name, names in sorted(foreign.items())]
    return '\n'.join([*imports, *functions.values()]) + '\n'


def _name(path: str) -> str:
    return '$' + re.sub(r'\W', '_', path)
