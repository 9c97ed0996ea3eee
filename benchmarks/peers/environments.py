"""The virtual environment of a peer, made once and kept.

Belongs here: what is installed where. Does not belong here: what is run in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

# All versions fixed: a figure of today can be taken again. pyranges needs pkg_resources.
MEPYLOME = "0.10.1"
_REQUIREMENTS = (
    f"mepylome=={MEPYLOME}",
    "pandas==3.1.1",
    "numpy==2.2.6",
    "scipy==1.17.1",
    "pyranges==0.1.2",
    "setuptools<81",
)


def default_folder() -> Path:
    """Return where environments are kept between runs: the user's own temporary folder."""
    return Path(tempfile.gettempdir()) / f"cup-benchmark-peers-{os.getuid()}"


def mepylome_python(folder: Path) -> Path:
    """Return the interpreter of mepylome's environment below ``folder``, making it if needed.

    Stops the program with one line where pip cannot install it.
    """
    home = folder / f"mepylome-{MEPYLOME}-py{sys.version_info.major}.{sys.version_info.minor}"
    python = home / "bin" / "python"
    complete = home / "complete"
    if complete.exists():
        return python
    print(f"installing mepylome {MEPYLOME} into {home}", flush=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", str(home)], home)
    _run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check",
          *_REQUIREMENTS], home)  # fmt: skip
    complete.touch()
    return python


def _run(command: list[str], home: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise SystemExit(
            f"cannot make the environment of mepylome in {home} ({said}); give pip access to a "
            "package index, or leave mepylome out with --without-mepylome"
        )
