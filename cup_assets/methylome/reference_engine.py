"""The reference engine: methylprep on the same files, to hold our own results against.

Belongs here: one sample through methylprep, in our probe order, with a guard on what it returns.
Does not belong here: the platform's own path, which never calls this; comparing (`make
bench-parity`).

methylprep 1.7.1 (Life Epigenetics) is a port of minfi's and sesame's preprocessing, tested by its
authors against both. It takes half a minute and a gigabyte for a sample. It can lose probes in
silence: with pandas 3 no Type II probe comes back, and an error in one step is printed and passed
over. So every probe that the files hold must come back with finite values, or nothing does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.errors import MethylomeError
from cup_assets.methylome.idat import read_idat
from cup_assets.methylome.layout import build_plan, layout_of
from cup_assets.methylome.manifest import Manifest
from cup_assets.methylome.methylprep_shims import methylprep_manifest, methylprep_running

# How `methylprep.run_pipeline` calls its steps for sesame=False and sesame=True. Without its
# quality mask, which it would also leave out of sesame's background: masks are not compared here.
_STEPS: dict[str, dict[str, Any]] = {
    "noob": {"sesame": False, "switch_probes": False, "do_nonlinear_dye_bias": False},
    "sesame": {"sesame": True, "switch_probes": True, "do_nonlinear_dye_bias": True, "pval": True},
}
MODES = tuple(_STEPS)
_ALL_DECIMALS = 12


class ReferenceEngineError(MethylomeError):
    """methylprep is absent, or did not return what it was asked for."""


@dataclass(frozen=True, eq=False)
class ReferenceSignal:
    """One sample as methylprep sees it, p probes in the manifest's order.

    Attributes
    ----------
    beta, m, u : float64[p]
        Beta value, and methylated and unmethylated intensity after correction, which methylprep
        rounds to whole numbers; NaN where the array does not carry the probe.
    detection_p : float64[p]
        Its pOOBAH p-value, not rounded; NaN likewise.
    moved : frozenset of str
        Type I probes read in the other channel than the manifest's (``sesame`` only).
    """

    beta: NDArray[np.float64]
    m: NDArray[np.float64]
    u: NDArray[np.float64]
    detection_p: NDArray[np.float64]
    moved: frozenset[str]


def reference_signal(
    grn: Path, red: Path, manifest: Manifest, mode: str = "noob"
) -> ReferenceSignal:
    """Run methylprep on one sample.

    Parameters
    ----------
    grn, red : Path
        The sample's two IDAT files.
    manifest : Manifest
        The array; any, also one that methylprep does not know.
    mode : str
        ``noob`` or ``sesame``.

    Raises
    ------
    ReferenceEngineError
        If methylprep is not installed, or lost a probe that the files hold.
    """
    if mode not in _STEPS:
        raise ValueError(f"unknown mode {mode!r}: use one of {', '.join(MODES)}")
    with methylprep_running():
        container = _container(grn, red, manifest, mode)
        # In `noob` its own p-values would also change the background: minfi's do not.
        p = _poobah(container)
        container.process_all()
        frame = container._SampleDataContainer__data_frame.join(p, how="left")
        columns = {
            name: frame[column].astype("float64")
            for name, column in (
                ("beta", "beta_value"),
                ("m", "noob_meth"),
                ("u", "noob_unmeth"),
                ("detection_p", "p"),
            )
        }
    values = _in_our_order(frame.index.to_list(), columns, manifest)
    _check_complete(values, grn, manifest)
    moved = [*getattr(container, "red_switched", []), *getattr(container, "green_switched", [])]
    return ReferenceSignal(**values, moved=frozenset(moved))


def _container(grn: Path, red: Path, manifest: Manifest, mode: str) -> Any:
    try:
        from methylprep.files import IdatDataset
        from methylprep.models import Channel
        from methylprep.processing import SampleDataContainer
    except ImportError as error:
        raise ReferenceEngineError(
            f"methylprep cannot be imported ({error}); install the reference engine with "
            "pip install 'cup-assets[methylprep]'"
        ) from error
    pair = {
        "green_idat": IdatDataset(str(grn), channel=Channel.GREEN),
        "red_idat": IdatDataset(str(red), channel=Channel.RED),
        "sample": SimpleNamespace(name=grn.name),
    }
    return SampleDataContainer(
        pair,
        manifest=methylprep_manifest(manifest),
        retain_uncorrected_probe_intensities=True,
        quality_mask=False,
        poobah_decimals=_ALL_DECIMALS,
        **_STEPS[mode],
    )


def _poobah(container: Any) -> Any:
    from methylprep.processing.p_value_probe_detection import _pval_sesame_preprocess

    frame = _pval_sesame_preprocess(container).rename(columns={"poobah_pval": "p"})
    return frame[~frame.index.duplicated()]


def _in_our_order(
    found: list[str], columns: dict[str, Any], manifest: Manifest
) -> dict[str, NDArray[np.float64]]:
    """Return each column float64[p] in the manifest's order, NaN for probes not found."""
    rows = {probe: row for row, probe in enumerate(found)}
    at = np.array([rows.get(probe, len(found)) for probe in manifest.probes["probe_id"]])
    return {name: np.append(column.to_numpy(), np.nan).take(at) for name, column in columns.items()}


def _check_complete(values: dict[str, NDArray[np.float64]], grn: Path, manifest: Manifest) -> None:
    """Refuse a result in which a probe that the files hold is absent or has no value."""
    held = ~build_plan(layout_of(manifest), read_idat(grn).address).absent
    finite = np.all([np.isfinite(column) for column in values.values()], axis=0)
    lost = held & ~finite
    if not lost.any():
        return
    design = manifest.probes["design"].to_numpy()
    shares = ", ".join(
        f"{int((lost & (design == kind)).sum()):,} of {int((held & (design == kind)).sum()):,} "
        f"Type {kind}"
        for kind in ("I", "II")
    )
    first = manifest.probes["probe_id"][int(np.flatnonzero(lost)[0])]
    raise ReferenceEngineError(
        f"{grn.name}: methylprep lost probes without saying so ({shares}; first {first}); "
        "it needs pandas below 3, and controls of all normalisation kinds"
    )
