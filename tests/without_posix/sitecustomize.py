"""Makes this Python lack what Windows lacks: processes with this folder in PYTHONPATH start so.

Locks then go through ``msvcrt``, as on Windows. Its stand-in refuses to lock a byte of the file's content, which nobody
else could read on Windows.
"""

import builtins
import ctypes
import errno
import os
import signal
import subprocess  # noqa: F401 - it takes the presence of msvcrt for Windows
import sys
import types

from posix_names import MODULES, OS, SIGNALS


def import_for_windows(name, globals=None, *rest, **more):
    """`__import__`, without POSIX modules for our code: other packages use others on Windows, but not here."""
    importer = (globals or {}).get("__name__", "").partition(".")[0]
    if name in MODULES and importer in ("dtn_core", "app", "__main__"):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return original_import(name, globals, *rest, **more)


def locking(descriptor, mode, count):
    """`msvcrt.locking` for one byte at the file's position, by a lock on the whole file."""
    assert (mode, count) == (msvcrt.LK_NBLCK, 1)
    assert os.lseek(descriptor, 0, os.SEEK_CUR) > os.fstat(descriptor).st_size
    exclusive, at_once = 2, 4
    if libc.flock(descriptor, exclusive | at_once):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


libc = ctypes.CDLL(None)
msvcrt = types.ModuleType("msvcrt")
msvcrt.LK_NBLCK = 2
msvcrt.locking = locking
sys.modules["msvcrt"] = msvcrt
original_import = builtins.__import__
builtins.__import__ = import_for_windows
for module, names in ((os, OS), (signal, SIGNALS)):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
