"""The Dockerfile and compose.yaml name only what exists: files, commands, settings."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.server import ROOT
from todosync import Settings
from todosync.production.cli import cli

DOCKERFILE = (ROOT / 'Dockerfile').read_text()
INSTRUCTIONS = [
    (line.split(maxsplit=1)[0], line.split(maxsplit=1)[1])
    for line in re.sub(r'\\\n\s*', ' ', DOCKERFILE).splitlines()
    if line and not line.startswith('#')
]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / 'compose.yaml').read_text())
FOREIGN_VARIABLES = {'FORWARDED_ALLOW_IPS', 'XDG_CONFIG_HOME', 'POSTGRES_USER', 'POSTGRES_PASSWORD'}
"""Those of uvicorn, Caddy and PostgreSQL."""

POSTGRESQL_OF_DEBIAN = {'bookworm': 15, 'trixie': 17}


def copied_paths() -> list[str]:
    copies = [arguments.split() for name, arguments in INSTRUCTIONS if name == 'COPY']
    return [path for words in copies if not words[0].startswith('--from') for path in words[:-1]]


def exec_form(name: str) -> list[str]:
    arguments = next(arguments for instruction, arguments in INSTRUCTIONS if instruction == name)
    return list(json.loads(arguments[arguments.index('[') :]))


def known_variables() -> set[str]:
    in_caddyfile = re.findall(r'\{\$(\w+):', (ROOT / 'Caddyfile').read_text())
    return {f'TODOSYNC_{name.upper()}' for name in Settings.model_fields} | set(in_caddyfile) | FOREIGN_VARIABLES


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    linter = shutil.which('hadolint', path=Path(sys.executable).parent) or shutil.which('hadolint')
    assert linter
    done = subprocess.run([linter, str(ROOT / 'Dockerfile')], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, '')


def test_every_copied_path_exists_and_is_let_through_to_the_build() -> None:
    let_through = [line[1:] for line in (ROOT / '.dockerignore').read_text().splitlines() if line.startswith('!')]
    assert copied_paths()
    for path in copied_paths():
        assert (ROOT / path).exists(), path
        assert path.removesuffix('/') in let_through, path
    assert sorted(let_through) == sorted(copied_paths())


def test_everything_that_the_app_imports_is_copied() -> None:
    packages = {path.name for path in ROOT.iterdir() if (path / '__init__.py').exists()} - {'tests', 'benchmarks'}
    imported = {package for package in packages if re.search(rf'^(from|import) {package}', _sources(), re.MULTILINE)}
    assert imported <= set(copied_paths())


@pytest.mark.parametrize('name', ['CMD', 'HEALTHCHECK'])
def test_the_commands_of_the_image_exist(name: str) -> None:
    python, option, module, command = exec_form(name)
    assert (python, option, module) == ('python', '-m', 'todosync')
    assert command in cli.commands


def test_the_image_runs_without_privileges_and_keeps_its_data_in_a_volume() -> None:
    last = {name: arguments for name, arguments in INSTRUCTIONS if name != 'RUN'}
    assert last['USER'].split(':')[0].isdigit()
    assert last['USER'] != '0:0'
    assert last['VOLUME'] == '/data'
    for service in app_services().values():
        assert service['read_only'] is True
        assert service['cap_drop'] == ['ALL']
        assert 'data:/data' in service['volumes']


def test_every_variable_is_a_setting_of_something() -> None:
    in_image = re.findall(r'\b((?:TODOSYNC|FORWARDED)_\w+)=', DOCKERFILE)
    in_compose = [name for service in COMPOSE['services'].values() for name in service.get('environment', {})]
    assert in_image
    assert set(in_image) | set(in_compose) <= known_variables()


def test_every_variable_that_compose_asks_for_is_in_the_file_that_it_reads() -> None:
    asked = set(re.findall(r'\$\{(\w+)', (ROOT / 'compose.yaml').read_text()))
    given = {line.split('=')[0] for line in (ROOT / '.env').read_text().splitlines() if '=' in line and line[0] != '#'}
    assert asked == given - {'COMPOSE_PROFILES'}


def test_the_commands_files_and_ports_of_the_services_exist() -> None:
    exposed = next(arguments for name, arguments in INSTRUCTIONS if name == 'EXPOSE').split()
    services = app_services()
    assert services['caddy']['command'] == shlex.split('caddy run --config Caddyfile')
    for name in ('app-1', 'app-2', 'rolling-1', 'rolling-2'):
        assert services[name]['command'] == ['python', 'main.py']
    assert {'Caddyfile', 'main.py'} <= set(copied_paths())
    for service in services.values():
        for port in service.get('ports', []):
            assert port.split(':')[-1].removesuffix('/udp') in exposed
    upstreams = {address.split(':')[0] for address in services['caddy']['environment']['TODOSYNC_UPSTREAMS'].split()}
    assert upstreams == {'app-1', 'app-2'}
    aliases = [services[name]['networks']['default']['aliases'] for name in ('rolling-1', 'rolling-2')]
    assert aliases == [['app-1'], ['app-2']]


def test_the_image_has_the_backup_programs_of_the_servers_version_or_a_later_one() -> None:
    (release,) = re.findall(r'^ARG PYTHON_IMAGE=\S+-slim-(\w+)$', DOCKERFILE, re.MULTILINE)
    (server,) = re.findall(r'/postgres:(\d+)', COMPOSE['services']['postgres']['image'])
    assert POSTGRESQL_OF_DEBIAN[release] >= int(server)
    assert 'bin/pg_dump' in DOCKERFILE
    assert 'bin/pg_restore' in DOCKERFILE


def test_each_profile_starts_its_own_services() -> None:
    profiles: dict[str, set[str]] = {}
    for name, service in COMPOSE['services'].items():
        for profile in service['profiles']:
            profiles.setdefault(profile, set()).add(name)
    assert profiles == {
        'default': {'todosync'},
        'rolling': {'caddy', 'rolling-1', 'rolling-2'},
        'postgres': {'caddy', 'app-1', 'app-2', 'postgres'},
    }
    assert 'COMPOSE_PROFILES=default' in (ROOT / '.env').read_text().splitlines()


def app_services() -> dict[str, Any]:
    return {name: service for name, service in COMPOSE['services'].items() if service['image'].startswith('todosync:')}


def _sources() -> str:
    files = [ROOT / 'main.py', *(ROOT / 'todosync').rglob('*.py'), *(ROOT / 'components').rglob('*.py')]
    return '\n'.join(file.read_text() for file in files)
