"""Masks that have a name: those that a manifest itself defines, and methylprep's packaged lists.

Belongs here: what each name masks. Does not belong here: a user's file (`mask_files`), the
precedence of masks (`masks`).

``manifest:snp``
    Probes with a known SNP at most ``snp_distance`` base pairs from the measured base whose minor
    allele is at least as frequent as ``snp_maf``, by the manifest's own columns. What a manifest
    does not say counts against the probe: the 450k manifest tells near (10 bp) from far, and no
    frequency.
``manifest:sex_chromosomes``
    Probes on X and Y.
``manifest:unplaced``
    Probes to which the manifest gives no chromosome.
``methylprep:quality``
    The quality masks that the installed package methylprep carries for 450k and EPIC, which are
    those of SeSAMe's ``qualityMask`` (Zhou, Laird and Shen 2017).

Probes that are there to tell genotypes (``rs``) are in none of them: identity needs those.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from cup_assets.methylome.errors import MaskError
from cup_assets.methylome.mask_files import reasons_by_id
from cup_assets.methylome.parameters import BetaParameters

if TYPE_CHECKING:
    from cup_assets.methylome.manifest import Manifest
    from cup_assets.methylome.masks import Mask

_FAMILIES = ("manifest:", "methylprep:")
_QUALITY = "methylprep:quality"
# Array -> file. Its lists for EPIC+ and mouse arrays name probes in a way of their own.
_QUALITY_FILES = {"450k": "qualityMask450.txt.gz", "epic": "qualityMaskEPIC.txt.gz"}
_REASONS = {
    "manifest:snp": "snp",
    "manifest:sex_chromosomes": "sex_chromosome",
    "manifest:unplaced": "unplaced",
}
NAMED_LISTS = (*_REASONS, _QUALITY)


def is_named(entry: str) -> bool:
    """Tell a list's name from a file's."""
    return entry.startswith(_FAMILIES)


def named_list(entry: str, parameters: BetaParameters) -> Mask:
    """Return the list of this name.

    Raises
    ------
    MaskError
        If there is no such list, or methylprep is not installed.
    """
    if entry == _QUALITY:
        files = _quality_files()
        content = "".join(f"{name} {digest}\n" for name, (_, digest) in sorted(files.items()))
        return QualityMask(
            hashlib.sha256(content.encode()).hexdigest(),
            {array: path for array, (path, _) in files.items()},
        )
    if entry not in _REASONS:
        raise MaskError(
            f"{entry}: there is no such mask; use {', '.join(NAMED_LISTS)}, or the name of a file"
        )
    return ManifestMask(entry, parameters.snp_distance, parameters.snp_maf)


@dataclass(frozen=True)
class ManifestMask:
    """A mask by the manifest's own columns.

    Attributes
    ----------
    entry : str
    snp_distance : int
        Base pairs.
    snp_maf : float
        Minor allele frequency.
    """

    entry: str
    snp_distance: int
    snp_maf: float
    sha256: str = field(default="", init=False)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The one reason."""
        return (_REASONS[self.entry],)

    def reasons_on(self, manifest: Manifest) -> pl.Series:
        """Return the reason against each probe, str[p], null where there is none."""
        masked = (pl.col("kind") != "rs") & self._chosen(manifest)
        return manifest.probes.with_row_index("row").select(
            reason=pl.when(masked).then(pl.lit(self.reasons[0]))
        )["reason"]

    def _chosen(self, manifest: Manifest) -> pl.Expr:
        if self.entry == "manifest:sex_chromosomes":
            return pl.col("chrom").is_in(["X", "Y"])
        if self.entry == "manifest:unplaced":
            return pl.col("chrom").is_null()
        if manifest.snps is None:
            return pl.lit(value=False)
        frequent = pl.col("maf").is_null() | (pl.col("maf") >= self.snp_maf)
        counted = manifest.snps.filter((pl.col("distance") <= self.snp_distance) & frequent)
        return pl.col("row").is_in(counted["row"].unique().implode())

    def lack(self, manifest: Manifest) -> str | None:
        """Say so where the manifest tells of no SNPs."""
        if self.entry != "manifest:snp" or manifest.snps is not None:
            return None
        return (
            f"{self.entry}: the manifest {manifest.name} has no columns SNP_ID or Probe_SNPs, so "
            f"no probe of {manifest.array} is masked by it; use Illumina's complete file, or a "
            "list of your own"
        )


@dataclass(frozen=True)
class QualityMask:
    """methylprep's packaged lists.

    Attributes
    ----------
    sha256 : str
        Of the arrays' names and the hashes of their files.
    files : dict of array to Path
    """

    sha256: str
    files: dict[str, Path]
    entry: str = field(default=_QUALITY, init=False)
    reasons: tuple[str, ...] = field(default=("quality_mask",), init=False)

    def reasons_on(self, manifest: Manifest) -> pl.Series:
        """Return the reason against each probe, str[p], null where there is none."""
        path = self.files.get(manifest.array)
        listed = _probe_ids(path, path.stat().st_mtime_ns) if path else ()
        return reasons_by_id(manifest, dict.fromkeys(listed, self.reasons[0]))

    def lack(self, manifest: Manifest) -> str | None:
        """Say so where methylprep has no list for the array."""
        if manifest.array in self.files:
            return None
        return (
            f"{self.entry}: methylprep has lists for {', '.join(self.files)} only, so no probe of "
            f"{manifest.array} is masked by it; add a list of your own for {manifest.array}"
        )


def _quality_files() -> dict[str, tuple[Path, str]]:
    """Return array -> file and its SHA-256, found without importing the package."""
    found = importlib.util.find_spec("methylprep")
    if found is None or not found.submodule_search_locations:
        raise MaskError(
            f"{_QUALITY}: methylprep is not installed; install it with `pip install "
            "'cup-assets[methylprep]'`, or take the entry out of masks"
        )
    folder = Path(found.submodule_search_locations[0]) / "models"
    files = {}
    for array, name in _QUALITY_FILES.items():
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise MaskError(
                f"{_QUALITY}: {name} of the installed methylprep cannot be read "
                f"({error.strerror or error}); install methylprep 1.7 anew"
            ) from error
        files[array] = (folder / name, hashlib.sha256(content).hexdigest())
    return files


@lru_cache(maxsize=4)
def _probe_ids(path: Path, state: int) -> tuple[str, ...]:
    """Return the probe ids of a packaged list: one quoted name a line under a heading."""
    try:
        lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise MaskError(
            f"{_QUALITY}: {path.name} is damaged ({error}); install methylprep anew"
        ) from error
    return tuple(name for line in lines[1:] if (name := line.strip().strip('"')))
