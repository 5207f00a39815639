"""What a process uses: processor time, memory, files, as the kernel counts it."""

from __future__ import annotations

import os
import time
from pathlib import Path

CPU_CLOCK = 2
"""The kernel's clock of the time that a process was running (``CPUCLOCK_SCHED``), in nanoseconds."""


def cpu_seconds(pid: int) -> float:
    """Return the processor time that all threads of a process have used."""
    return time.clock_gettime_ns((~pid << 3) | CPU_CLOCK) / 1e9  # what clock_getcpuclockid(3) returns


def memory_bytes(pid: int) -> int:
    """Return the memory that a process alone holds."""
    lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    private = [line for line in lines if line.startswith(('Private_Dirty', 'Private_Clean'))]
    return sum(int(line.split()[1]) for line in private) * 1024


def open_files(pid: int) -> int:
    """Return how many file descriptors a process has open, sockets included."""
    return len(os.listdir(f'/proc/{pid}/fd'))


def threads(pid: int) -> int:
    """Return how many threads a process has."""
    return len(os.listdir(f'/proc/{pid}/task'))


def machine() -> str:
    """Describe the machine in one line."""
    cpuinfo = Path('/proc/cpuinfo').read_text()
    model = next((line.split(':', 1)[1].strip() for line in cpuinfo.splitlines() if 'model name' in line), 'unknown')
    memory = int(Path('/proc/meminfo').read_text().split()[1]) // 2**20
    return f'{os.cpu_count()} cores of {model}, {memory} GB of memory, {os.uname().sysname} {os.uname().release}'
