"""No server is orphaned: what was started is stopped when the suite is gone, even killed.

A server that outlives its run holds its port, and the next run meets it there. Handlers and ``finally`` do
not run on SIGKILL, so a shell waits at the end of a pipe whose other end only the suite holds.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading

# Lines `+ PID` and `- PID` come in; at the end of the pipe the groups still listed are stopped.
_SCRIPT = r"""
trap '' HUP INT TERM
list=' '
while read -r sign pid; do
    case $sign in
        +) list="$list$pid " ;;
        -) list="${list%% $pid *} ${list#* $pid }" ;;
    esac
done
for pid in $list; do kill -s TERM -- "-$pid" 2>/dev/null; done
[ "$list" = ' ' ] || sleep 3
for pid in $list; do kill -s KILL -- "-$pid" 2>/dev/null; done
"""


class Orphans:
    """Whom to stop: the shell that waits, and the pipe to it. Where there is no shell (Windows), nobody."""

    def __init__(self) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        self._kept: set[int] = set()
        self._lock = threading.Lock()  # servers are started in threads

    def keep(self, pid: int) -> None:
        """Stop the process group of ``pid`` if the suite ends without letting go of it."""
        if os.name != "posix":
            return
        with self._lock:
            if self._shell is None:
                with contextlib.suppress(OSError):
                    self._shell = subprocess.Popen(
                        ["/bin/sh", "-c", _SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
                    )  # fmt: skip
            self._tell("+", pid)
            self._kept.add(pid)

    def release(self, pid: int) -> None:
        """Let go of a process that has been stopped; the shell ends with the last."""
        with self._lock:
            if pid not in self._kept:
                return
            self._kept.remove(pid)
            self._tell("-", pid)
            if self._kept or self._shell is None:
                return
            shell, self._shell = self._shell, None
        assert shell.stdin is not None
        with contextlib.suppress(OSError):
            shell.stdin.close()
        shell.wait()

    def _tell(self, sign: str, pid: int) -> None:
        if self._shell is not None and self._shell.stdin is not None:
            with contextlib.suppress(OSError):
                self._shell.stdin.write(f"{sign} {pid}\n".encode("ascii"))
                self._shell.stdin.flush()
