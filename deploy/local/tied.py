"""Runs a program that cannot outlive its starter: `python tied.py <starter's pid> program arguments...`

A small script in front of the program and not `preexec_fn`, which is unsafe in a process with threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Asks the kernel for the end of this process at the end of its starter (prctl(2), Linux), then becomes the program."""
    starter = int(sys.argv[1])
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != starter:  # it ended before the kernel was asked
        sys.exit(1)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - replacing the process is the point


if __name__ == "__main__":
    main()
