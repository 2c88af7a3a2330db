"""Whether a process that is silent still works. Standard library only."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# A worker sends a heartbeat every 2 seconds; one that is silent for longer is looked at.
SECONDS_OF_SILENCE = 15.0
# Of the time between two looks so much counts as silence: the machine may have slept meanwhile.
LONGEST_LOOK = 1.0
# Processor time that is work. Libraries that let no other thread run keep heartbeats back.
SECONDS_OF_WORK = 0.05
SECONDS_TO_ASK = 2.0


class Watch:
    """Listens to one process for the silence of one that hangs: stopped, or waiting for ever."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        # Counted by the thread that listens; what is new since the last look ends the silence.
        self._heard = 0
        self._heard_before = 0
        self._silence = 0.0
        self._looked_at = time.monotonic()
        self._worked: float | None = None

    def heard(self) -> None:
        """Something has come from the process."""
        self._heard += 1

    def hangs(self) -> bool:
        """Whether nothing was heard for `SECONDS_OF_SILENCE`, in which it did no work either.

        To be asked often; the time in which nobody asks hardly counts.
        """
        now, heard = time.monotonic(), self._heard
        elapsed = min(now - self._looked_at, LONGEST_LOOK)
        self._looked_at = now
        if heard != self._heard_before:
            self._heard_before, self._silence, self._worked = heard, 0.0, None
            return False
        self._silence += elapsed
        if self._silence > SECONDS_OF_SILENCE / 2 and self._worked is None:
            self._worked = processor_seconds(self._process) or 0.0
        if self._silence <= SECONDS_OF_SILENCE:
            return False
        worked = (processor_seconds(self._process) or 0.0) - (self._worked or 0.0)
        if worked > SECONDS_OF_WORK:
            self._silence, self._worked = 0.0, None
            return False
        return True


def processor_seconds(process: subprocess.Popen[bytes]) -> float | None:
    """The processor time that all threads of a process have used; None where it is unknown."""
    try:
        if sys.platform == "win32":
            return _on_windows(process)
        stat = Path(f"/proc/{process.pid}/stat")
        if stat.exists():
            fields = stat.read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        asked = subprocess.run(
            ["ps", "-o", "time=", "-p", str(process.pid)],
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS_TO_ASK,
        )
        parts = [float(part) for part in asked.stdout.strip().replace("-", ":").split(":")]
        scale = (1.0, 60.0, 3600.0, 86400.0)
        return sum(part * unit for part, unit in zip(parts[::-1], scale, strict=False))
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


def _on_windows(process: Any) -> float | None:
    import ctypes

    times = [ctypes.c_ulonglong() for _ in range(4)]
    handle = ctypes.c_void_p(int(process._handle))
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    if not kernel.GetProcessTimes(handle, *map(ctypes.byref, times)):
        return None
    # In steps of 100 nanoseconds; the last two are of the kernel and of the program.
    return (times[2].value + times[3].value) * 1e-7
