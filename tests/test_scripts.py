"""The project's own scripts do without what a machine lacks, or bring it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT

TOOLS = ('bash', 'cut', 'dirname', 'env', 'grep', 'ls', 'mkdir', 'rm', 'sed', 'touch', 'tr', 'uname')


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The JavaScript and what checks it, on a machine without Node."""
    tools = tmp_path / 'tools'
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(name) or f'/bin/{name}')
    checkout = tmp_path / 'checkout'
    for folder in ('assets', 'scripts'):
        shutil.copytree(ROOT / folder, checkout / folder)
    for pattern in ('*.json', '.prettierrc.json', 'eslint.config.js'):
        for file in ROOT.glob(pattern):
            shutil.copy(file, checkout)
    return checkout


def check_javascript(checkout: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, 'PATH': str(checkout.parent / 'tools')}
    command = [checkout / 'scripts' / 'check-javascript']
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_check_of_the_javascript_says_when_it_is_left_out(checkout: Path) -> None:
    found = check_javascript(checkout)
    assert found.returncode == 0
    assert found.stderr.splitlines()[-1].startswith('JavaScript: left out, as there is no Node')


@pytest.mark.long
def test_the_check_of_the_javascript_brings_its_own_node(checkout: Path) -> None:
    subprocess.run([sys.executable, '-m', 'venv', checkout / '.venv'], check=True)
    (checkout / 'assets' / 'leader.js').write_text('undefinedName();\n')
    found = check_javascript(checkout)
    if 'left out' in found.stderr:
        pytest.skip(found.stderr)
    assert found.returncode == 1
    assert "'undefinedName' is not defined" in found.stdout
