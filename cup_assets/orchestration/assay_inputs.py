"""What assays are designed with: profiles of technologies, places, and CpGs that must not be used.

Belongs here: reading them from the data folder. Does not belong here: the design
(`cup_assets.panels`), the assets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from cup_assets.methylome import BetaParameters, Manifest, pin_masks
from cup_assets.orchestration.inputs import installed_manifests
from cup_assets.orchestration.resources import Platform
from cup_assets.panels.assay_parameters import AssayParameters
from cup_assets.panels.parameters import PanelError
from cup_assets.panels.technology import ARRAY, Technology, technologies

OWN = "assays.toml"
"""A laboratory's own profiles, in the data folder."""


def profiles(folder: Path, names: Sequence[str] = ()) -> dict[str, Technology]:
    """Return the array and the technologies, packaged and own, or those named.

    Raises
    ------
    PanelError
        Where the file is wrong, or a name unknown.
    """
    own = folder / OWN
    try:
        text = own.read_text(encoding="utf-8") if own.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise PanelError(f"{own} cannot be read: {error}") from error
    try:
        known = {ARRAY.name: ARRAY} | technologies(text)
    except PanelError as error:
        raise PanelError(str(error).replace("own technologies", str(own), 1)) from error
    if unknown := [name for name in names if name not in known]:
        raise PanelError(
            f"no technology {unknown[0]!r}: use {', '.join(known)}, or add it to {own}"
        )
    return {name: known[name] for name in names or known}


def of_material(technology: Technology, wanted: str) -> str:
    """Return the material to design for: the wanted one, or else the first that can be measured."""
    return wanted if wanted in technology.amplicon else next(iter(technology.amplicon))


def reference_manifests(platform: Platform) -> list[Manifest]:
    """Return the manifests of the arrays of the reference samples."""
    rows = platform.catalogue.query(
        'SELECT DISTINCT "array" FROM dataset_members WHERE included ORDER BY "array"'
    )
    arrays = rows["array"].to_list()
    return [manifest for manifest in installed_manifests(platform) if manifest.array in arrays]


def excluded_probes(
    manifests: Sequence[Manifest], parameters: AssayParameters, folder: Path
) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """Read the masks of the assays.

    Returns
    -------
    reasons : dict of probe name to the reason against it
        Of all arrays: a CpG that one of them bars is barred.
    pinned : dict of mask to its hash
    lacks : tuple of str
        Lines about arrays of which a mask says nothing.

    Raises
    ------
    MaskError
        Where a mask cannot be read.
    """
    masked = BetaParameters(
        masks=parameters.masks,
        snp_distance=parameters.snp_distance,
        snp_maf=parameters.snp_maf,
    )
    pinned, masks = pin_masks(masked, folder)
    reasons: dict[str, str] = {}
    for manifest in manifests:
        for mask in masks.masks:
            found = manifest.probes.select("name", reason=mask.reasons_on(manifest)).drop_nulls()
            for name, reason in found.iter_rows():
                reasons.setdefault(name, reason)
    hashes = dict(zip(pinned.masks, pinned.mask_sha256, strict=True))
    return reasons, hashes, masks.lacks(manifests)


def fingerprints(chosen: Mapping[str, Technology], manifests: Sequence[Manifest]) -> dict[str, str]:
    """Return what else decides about an assay, by name, for its recipe."""
    from cup_assets.warehouse import digest

    return {f"technology/{name}": digest(plain(of)) for name, of in chosen.items()} | {
        f"manifest/{manifest.array}": manifest.content_hash for manifest in manifests
    }


def plain(technology: Technology) -> dict[str, object]:
    """Return a profile as JSON holds it."""
    return asdict(technology) | {
        "amplicon": dict(technology.amplicon),
        "sources": dict(technology.sources),
    }


def cross_reactive_note(parameters: AssayParameters) -> str | None:
    """Say so where no list of cross-reactive probes is among the masks."""
    if any(not mask.startswith("manifest:") for mask in parameters.masks):
        return None
    return (
        "No list of cross-reactive probes is named: add `methylprep:quality`, or a file of your"
        " own, to `masks` in the table `[assays]` of parameters.toml."
    )
