"""What processes and the machine have used, from /proc, and a port that is free on it."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def process_s(pid: int) -> float:
    """CPU time that a process has had, all of its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid: int) -> int:
    """The memory a process holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def machine_s() -> tuple[float, float]:
    """CPU time that all processes have had, and that a virtual machine wanted and did not get."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = Path("/proc/stat").read_text().split()[1:9]
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    return sum(map(int, (user, nice, system, irq, softirq))) / ticks_per_s, int(steal) / ticks_per_s


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
