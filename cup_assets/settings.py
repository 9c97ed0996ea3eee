"""Where things are, from the environment.

Belongs here: paths and how to compute. Does not belong here: scientific parameters, which travel
with the results and live in `cup_assets.parameters`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent


class SettingsError(ValueError):
    """The environment cannot be used; the message names the variable."""


@dataclass(frozen=True)
class Settings:
    """Paths under one data folder, and the compute backend.

    Attributes
    ----------
    data
        The data folder (``CUP_DATA``; default ``data/`` of the checkout).
    compute
        ``local`` (joblib processes) or ``spark`` (``CUP_COMPUTE``).
    spark_master
        Spark master URL (``CUP_SPARK_MASTER``).
    workers
        Number of parallel workers (``CUP_WORKERS``; default: the CPUs this process may use).
    geo_url, gdc_url
        Addresses of the sources of public cohorts (``CUP_GEO_URL``, ``CUP_GDC_URL``), for a mirror.
    """

    data: Path
    compute: str = "local"
    spark_master: str = "local[*]"
    workers: int = 1
    geo_url: str = "https://ftp.ncbi.nlm.nih.gov/geo"
    gdc_url: str = "https://api.gdc.cancer.gov"

    @property
    def landing(self) -> Path:
        """Folder that receives one sub-folder per batch."""
        return self.data / "landing"

    @property
    def manifests(self) -> Path:
        """Folder of the official array manifests (CSV)."""
        return self.data / "manifests"

    @property
    def gene_sets(self) -> Path:
        """Folder of gene sets (GMT) that important CpGs are held against; may be absent."""
        return self.data / "gene_sets"

    @property
    def warehouse(self) -> Path:
        """Folder of the DuckDB catalogue and of the Parquet matrices."""
        return self.data / "warehouse"

    @property
    def catalogue(self) -> Path:
        """The DuckDB database file."""
        return self.warehouse / "cup.duckdb"

    @property
    def cache(self) -> Path:
        """Derived files that can be deleted at any time (parsed manifests)."""
        return self.data / "cache"

    @property
    def downloads(self) -> Path:
        """What is being fetched of public cohorts, and the record of what was."""
        return self.data / "downloads"

    @property
    def releases(self) -> Path:
        """One folder per released classifier."""
        return self.data / "releases"

    @property
    def reports(self) -> Path:
        """Pictures and pages written for people."""
        return self.data / "reports"

    @property
    def parameters(self) -> Path:
        """Optional TOML file that overrides scientific defaults."""
        return self.data / "parameters.toml"

    @property
    def dagster_home(self) -> Path:
        """The embedded Dagster instance, unless ``DAGSTER_HOME`` says otherwise."""
        return Path(os.environ.get("DAGSTER_HOME") or self.data / "dagster")

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the ``CUP_*`` variables.

        Raises
        ------
        SettingsError
            If ``CUP_COMPUTE``, ``CUP_WORKERS`` or an address is not usable.
        """
        compute = os.environ.get("CUP_COMPUTE", "local")
        if compute not in ("local", "spark"):
            raise SettingsError(f"CUP_COMPUTE={compute!r}: use 'local' or 'spark'")
        workers = os.environ.get("CUP_WORKERS") or str(_usable_cpus())
        if not workers.isdigit() or int(workers) < 1:
            raise SettingsError(f"CUP_WORKERS={workers!r}: give a whole number of at least 1")
        return cls(
            data=Path(os.environ.get("CUP_DATA") or _CHECKOUT / "data").expanduser().resolve(),
            compute=compute,
            spark_master=os.environ.get("CUP_SPARK_MASTER", "local[*]"),
            workers=int(workers),
            geo_url=_address("CUP_GEO_URL", cls.geo_url),
            gdc_url=_address("CUP_GDC_URL", cls.gdc_url),
        )


def _address(name: str, default: str) -> str:
    address = os.environ.get(name) or default
    if not address.startswith(("https://", "http://")):
        raise SettingsError(f"{name}={address!r}: give an address that begins with https://")
    return address


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
