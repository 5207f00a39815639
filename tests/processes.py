"""Other processes that use the same storage."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.server import ROOT

TIMEOUT = 60.0


def start_python(program: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a program that can be talked to."""
    return subprocess.Popen(
        [sys.executable, '-c', program, *arguments],
        env={**os.environ, 'PYTHONPATH': str(ROOT), **environment},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run_at_once(count: int, program: str, *arguments: str, **environment: str) -> list[str]:
    """Run a program several times at once, and return what each wrote.

    :param program: Python that says ``wait()`` once it has imported everything
    """
    wait = 'def wait():\n    print("ready", flush=True)\n    input()\n'
    processes = [start_python(wait + program, *arguments, **environment) for _ in range(count)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == 'ready\n'
    for process in processes:
        assert process.stdin is not None
        process.stdin.write('go\n')
        process.stdin.flush()
    outputs = [process.communicate(timeout=TIMEOUT)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * count, outputs
    return outputs
