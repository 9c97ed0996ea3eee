"""One engine in a process of its own: warmed, then run once for every line on its input.

    python contender.py ENGINE METHOD MANIFEST OUT GRN RED [GRN RED ...]

Belongs here: how each engine is used, measured alike. Does not belong here: comparing them. The
file stands alone, because peers run it in environments that lack everything else.

Each line "NUMBER" on standard input runs the engine on that pair and answers with one line of JSON:
wall and processor seconds, and the peak of the resident memory so far. "NUMBER save" also writes
OUT/ENGINE-METHOD-NUMBER.npz with ``probe_id`` and ``beta``. Standard output carries nothing else.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

Run = Callable[[str, str], Any]
Result = Callable[[Any], tuple[Any, Any]]


def bytes_only(_method: str, _manifest: Path, _work: Path) -> tuple[Run, Result | None]:
    """Take the files' bytes into memory, the physical limit."""
    return (lambda grn, red: (Path(grn).read_bytes(), Path(red).read_bytes())), None


def reading(_method: str, _manifest: Path, _work: Path) -> tuple[Run, Result | None]:
    from cup_assets.methylome import read_idat

    return (lambda grn, red: (read_idat(Path(grn)), read_idat(Path(red)))), None


def ours(method: str, manifest: Path, work: Path) -> tuple[Run, Result | None]:
    """IDAT pair to betas, detection p-values, masks and measures."""
    from cup_assets.methylome import BetaParameters, load_manifest, process_pair, read_idat

    known = load_manifest(manifest, work / "cache")
    parameters = BetaParameters(method)

    def run(grn: str, red: str) -> Any:
        return process_pair(read_idat(Path(grn)), read_idat(Path(red)), known, parameters)

    return run, lambda signal: (known.probes["probe_id"].to_numpy(), signal.beta)


def methylprep(method: str, manifest: Path, work: Path) -> tuple[Run, Result | None]:
    from cup_assets.methylome import load_manifest
    from cup_assets.methylome.reference_engine import reference_signal

    known = load_manifest(manifest, work / "cache")

    def run(grn: str, red: str) -> Any:
        return reference_signal(Path(grn), Path(red), known, method)

    return run, lambda signal: (known.probes["probe_id"].to_numpy(), signal.beta)


def mepylome(method: str, manifest: Path, work: Path) -> tuple[Run, Result | None]:
    """As its documentation has it: RawData, MethylData with a preparation, betas.

    The manifest is processed once and kept in memory; its index look-ups are memoised, so that
    after the first sample only a sample's own work is left. It knows no detection p-value.
    """
    from mepylome import Manifest, MethylData, RawData

    known = Manifest(raw_path=manifest, proc_path=work / "processed.csv.gz")

    def run(grn: str, _red: str) -> Any:
        return MethylData(RawData(grn, manifest=known), prep=method).betas

    return run, lambda betas: (betas.index.to_numpy(dtype=str), betas.iloc[:, 0].to_numpy())


ENGINES = {
    "bytes": bytes_only,
    "reading": reading,
    "ours": ours,
    "mepylome": mepylome,
    "methylprep": methylprep,
}


def peak_memory() -> int:
    """Return the largest resident set of this program, in bytes."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        # Elsewhere than on Linux. The figure may hold that of the process that started this one.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    engine, method, manifest, work, *files = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    pairs = list(zip(files[::2], files[1::2], strict=True))
    with redirect_stdout(sys.stderr):  # some print as they go
        run, result = ENGINES[engine](method, Path(manifest), Path(work))
        for line in sys.stdin:
            number, *save = line.split()
            wall, processor = time.perf_counter(), time.process_time()
            value = run(*pairs[int(number)])
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            if save and result:
                import numpy as np

                probes, betas = result(value)
                path = Path(work) / f"{engine}-{method}-{number}.npz"
                np.savez(path, probe_id=np.asarray(probes, dtype=str), beta=betas)
            del value
            answer = {"wall": wall, "processor": processor, "memory": peak_memory()}
            print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
