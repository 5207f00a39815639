"""Files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path

PRIVATE = 0o077
"""The umask of everything that runs in production: new files and directories are closed to others."""


def keep_private(*directories: Path) -> None:
    """Have everything that this process writes be readable by its user only, and close directories that exist.

    :param directories: directories of this process; those that are missing are made by whoever needs them
    """
    os.umask(PRIVATE)
    for directory in directories:
        if os.name == 'posix' and directory.is_dir() and directory.stat().st_uid == os.getuid():
            directory.chmod(0o700)
