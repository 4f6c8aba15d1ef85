"""The first thing that runs inside a sandbox: gives up every right, then becomes the kernel.

Started by tools/sandbox.py with the throw-away folder as its only argument. It uses nothing but
Python's standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path


def main(base: Path) -> None:
    """Mount, limit, change the user, and become the kernel."""
    about = json.loads((base / "about.json").read_text())
    python = sys.executable
    if about["mounts"]:
        python = mounted(base, about)
    limited(about["limits"])
    os.umask(0o077)
    if about["user"] is not None:
        os.setgroups([])
        os.setgid(about["user"])
        os.setuid(about["user"])
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    os.chdir(base / "work")
    kernel = [
        "-m",
        "ipykernel_launcher",
        "-f",
        about["file"],
        "--HistoryManager.hist_file=:memory:",
    ]
    os.execv(python, [python, *kernel])


def mounted(base: Path, about: dict) -> str:
    """Show Python and its packages where every user may read them, and hide what is not theirs.

    The teacher's own may lie in a home that nobody else may enter.
    """
    mount("--make-rprivate", "/")
    for name in ("python", "packages"):
        (base / name).mkdir()
        mount("--bind", about[name], str(base / name))
    for folder in about["hide"]:
        mount("-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", folder)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(base / "site"), str(base / "packages")])
    return str(base / "python" / "bin" / Path(sys.executable).resolve().name)


def mount(*arguments: str) -> None:
    """Call the system's mount; without it the sandbox must not start."""
    subprocess.run(["mount", *arguments], check=True)


def limited(limits: dict) -> None:
    """Set what the system itself holds a process to."""
    try:
        import resource
    except ImportError:  # Windows, where classroom.grade does not begin
        return
    wanted = {
        "RLIMIT_AS": int(limits["address_gib"] * 2**30),
        "RLIMIT_NPROC": limits["processes"],
        "RLIMIT_FSIZE": limits["file_mib"] * 2**20,
        "RLIMIT_CPU": int(limits["seconds"] * 4),
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 1024,
    }
    for name, value in wanted.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):
            which = getattr(resource, name)
            hard = resource.getrlimit(which)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (value, value))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
