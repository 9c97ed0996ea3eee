"""Segment bins by ruptures, one sample after the other; runs in an environment that has it.

    python segment_ruptures.py FOLDER

Belongs here: how ruptures is used. Does not belong here: comparing. Reads FOLDER/NUMBER.npz
(``first`` bin of each chromosome, ``log2``, ``variance``), writes FOLDER/NUMBER.METHOD.npy (first
bins of the segments) and FOLDER/NUMBER.METHOD.time (processor seconds).

``mepylome``: KernelCPD, linear kernel, min_size 5, penalty 1.5, whatever the noise. ``kernelcpd``:
the same with the penalty of our method, 2.5 log(n) times the variance of a typical bin. Neither
knows weights: PELT of ruptures takes none, and a cost of one's own in Python is too slow.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import ruptures


def main() -> None:
    for path in sorted(Path(sys.argv[1]).glob("*.npz")):
        bins = np.load(path)
        values, first = bins["log2"], bins["first"]
        typical = float(np.median(bins["variance"]))
        for method, penalty in (
            ("mepylome", 1.5),
            ("kernelcpd", 2.5 * np.log(values.size) * typical),
        ):
            before = time.process_time()
            starts = []
            for low, high in zip(first, [*first[1:], values.size], strict=True):
                if high - low < 10:
                    starts.append([low])
                    continue
                algorithm = ruptures.KernelCPD("linear", min_size=5).fit(values[low:high])
                starts.append([low, *(low + np.array(algorithm.predict(pen=penalty)[:-1], int))])
            spent = time.process_time() - before
            np.save(path.with_suffix(f".{method}.npy"), np.concatenate(starts).astype(np.int64))
            path.with_suffix(f".{method}.time").write_text(str(spent))


if __name__ == "__main__":
    main()
