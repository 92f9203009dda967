"""Starting, interrupting and ending processes, the same on POSIX systems and on Windows."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

import psutil  # accelerate depends on it

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))
"""Signals that ask a training to stop. SIGBREAK exists on Windows only."""


def start_in_background(
    command: Sequence[str], log: BinaryIO, environment: Mapping[str, str], inherit: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a process that goes on when the terminal is closed or Ctrl-C is pressed in it.

    Args:
        command: The program and its arguments.
        log: File that takes its output and errors.
        environment: All of its environment variables.
        inherit: Descriptors to keep open in it; POSIX only.
    """
    options: dict[str, Any] = {"start_new_session": True, "pass_fds": inherit}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, **options
    )  # fmt: skip


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Do to a process of `start_in_background` what Ctrl-C does."""
    process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))


def interrupt_on_break() -> None:
    """On Windows, raise KeyboardInterrupt when `interrupt` is called on this process.

    There, Ctrl-C can't be sent to one process, only Ctrl-Break, which would end it at once.
    """
    if hasattr(signal, "SIGBREAK"):
        signal.signal(signal.SIGBREAK, signal.default_int_handler)


def end(pid: int, force: bool) -> None:
    """End a process with the workers it started.

    Args:
        pid: Of the process. It may have ended already.
        force: Send SIGKILL instead of SIGTERM. Windows always ends it at once.
    """
    with suppress(ProcessLookupError, psutil.NoSuchProcess):
        if not hasattr(os, "killpg"):
            process = psutil.Process(pid)
            for one in [*process.children(recursive=True), process]:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            return
        number = signal.SIGKILL if force else signal.SIGTERM
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)  # its group is that of the shell or script around it


def return_freed_memory() -> None:
    """Make glibc return freed memory to the system; call it before threads start. Does nothing elsewhere.

    By default glibc raises the size from which a block gets pages of its own to that of the largest block freed, up to
    32 MB, and each thread takes blocks from one of up to eight arenas a core. In an app whose threads need tens of
    megabytes for a photo, what is free between blocks in use then grows for hours.
    """
    arena_max, mmap_threshold, trim_threshold = -8, -3, -1
    with suppress(AttributeError, TypeError, OSError):  # glibc only
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(arena_max, 2)
        mallopt(mmap_threshold, 4 << 20)
        mallopt(trim_threshold, 16 << 20)


def peak_memory() -> int:
    """Bytes of memory that this process has held at most."""
    try:
        import resource
    except ImportError:  # Windows
        memory = psutil.Process().memory_info()
        return getattr(memory, "peak_wset", memory.rss)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
