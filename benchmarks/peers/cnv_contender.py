"""One copy-number engine in a process of its own: pool made, then one sample for every line.

    python cnv_contender.py ENGINE FOLDER

Belongs here: how each engine is used, measured alike. Does not belong here: comparing them. The
file stands alone, because mepylome runs it in an environment that lacks everything else.

FOLDER holds one manifest (CSV), IDAT pairs in ``controls`` and ``samples``, and ``sexes.json``.
Reading and normalising are outside the times: from a sample's normalised intensities to its calls
(ours) or to its bins, genes and segments (mepylome, which calls nothing). Both answer with one line
of JSON: first for the pool, then, for each line NUMBER on standard input, for that sample.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

Sample = Callable[[], Any]
Engine = tuple[Callable[[], Any], Callable[[Path], Sample]]


def ours(folder: Path, sexes: dict[str, str]) -> Engine:
    """Take the normalised intensities that were kept, as the platform does."""
    import numpy as np

    from cup_assets.copynumber import CnvParameters, make_bins, make_pool, profile_sample
    from cup_assets.methylome import load_manifest

    manifest = load_manifest(next(folder.glob("*.csv")), folder / "cache")
    parameters = CnvParameters()
    known: dict[str, Any] = {}

    def pool() -> None:
        stems = _stems(folder / "controls")
        log2 = np.stack([np.load(f"{stem}.npy") for stem in stems])
        known["bins"] = make_bins(manifest.probes, manifest.build, parameters)
        of_sex = [sexes[stem.name] for stem in stems]
        names = [stem.name for stem in stems]
        known["pool"] = make_pool(manifest.array, names, of_sex, log2, known["bins"], parameters)

    def sample(stem: Path) -> Sample:
        log2 = np.load(f"{stem}.npy")

        def run() -> Any:
            profile = profile_sample(
                stem.name, sexes[stem.name], log2, known["pool"], known["bins"], parameters
            )
            assert profile.called, profile.reason
            return profile

        return run

    return pool, sample


def mepylome(folder: Path, _sexes: dict[str, str]) -> Engine:
    """As its documentation has it: an annotation, a reference, ``CNV.set_all``.

    Its look-ups take indices for NumPy arrays, which pandas 3 no longer makes of strings unasked.
    """
    import logging
    import warnings

    import pandas as pd

    logging.disable(logging.INFO)
    warnings.simplefilter("ignore")
    pd.options.future.infer_string = False
    from mepylome import CNV, Annotation, Manifest, MethylData, RawData

    manifest = Manifest(
        raw_path=next(folder.glob("*.csv")), proc_path=folder / "mepylome" / "processed.csv.gz"
    )
    known: dict[str, Any] = {}
    stems = [str(stem) for stem in _stems(folder / "controls")]
    controls = MethylData(RawData(stems, manifest=manifest), prep="noob")

    def pool() -> None:
        known["annotation"] = Annotation(manifest=manifest, array_type=controls.array_type)
        known["controls"] = controls

    def sample(stem: Path) -> Sample:
        data = MethylData(RawData(str(stem), manifest=manifest), prep="noob")
        return lambda: CNV.set_all(data, known["controls"], known["annotation"])

    return pool, sample


ENGINES = {"ours": ours, "mepylome": mepylome}


def _stems(folder: Path) -> list[Path]:
    return [Path(str(path)[: -len("_Grn.idat")]) for path in sorted(folder.glob("*_Grn.idat"))]


def _timed(run: Callable[[], Any]) -> dict[str, float]:
    wall, processor = time.perf_counter(), time.process_time()
    value = run()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    del value
    status = Path("/proc/self/status").read_text()
    memory = int(status.split("VmHWM:")[1].split()[0]) * 1024
    return {"wall": wall, "processor": processor, "memory": memory}


def main() -> None:
    engine, place = sys.argv[1:]
    folder = Path(place)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    sexes = json.loads((folder / "sexes.json").read_text())
    samples = _stems(folder / "samples")
    with redirect_stdout(sys.stderr):
        pool, sample = ENGINES[engine](folder, sexes)
        print(json.dumps(_timed(pool)), file=answers)
        for line in sys.stdin:
            print(json.dumps(_timed(sample(samples[int(line)]))), file=answers)


if __name__ == "__main__":
    main()
