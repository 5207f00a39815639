"""Earlier builds of the program, out of the history."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.server import ROOT, RunningServer


def check_out(commit: str, directory: Path, *names: str) -> Path:
    """Write the files of a commit into a directory; skip the test where the history does not reach back to it.

    :param names: which files and directories
    """
    archive = subprocess.run(['git', 'archive', commit, *names], cwd=ROOT, capture_output=True, timeout=60, check=False)
    if archive.returncode:
        pytest.skip(f'the history does not reach back to {commit}: {archive.stderr.decode().strip()}')
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(directory, filter='data')
    return directory


def use_build(server: RunningServer, directory: Path) -> None:
    """Have a server run another build from its next start on, with the same port and storage."""
    server.command = [server.command[0], str(directory / 'main.py')]
    server.environment['PYTHONPATH'] = str(directory)
