"""The one resource of all assets: the data folder with its catalogue, parameters and workers.

Belongs here: turning the environment into objects. Does not belong here: any computation.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg

from cup_assets.compute import Mapper, make_file_mapper, make_mapper
from cup_assets.methylome import pin_masks
from cup_assets.parameters import Parameters, load_parameters
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the data is and how to compute.

    Attributes
    ----------
    data
        The data folder; empty: what ``CUP_DATA`` says, read when a step starts.
    workers
        Parallel workers; 0: what ``CUP_WORKERS`` says.
    compute
        ``local`` or ``spark``; empty: what ``CUP_COMPUTE`` says.
    """

    data: str = ""
    workers: int = 0
    compute: str = ""

    @property
    def settings(self) -> Settings:
        """Paths and workers."""
        settings = Settings.from_environment()
        return replace(
            settings,
            data=Path(self.data) if self.data else settings.data,
            workers=self.workers or settings.workers,
            compute=self.compute or settings.compute,
        )

    @property
    def catalogue(self) -> Catalogue:
        """The DuckDB catalogue."""
        return Catalogue(self.settings.catalogue)

    @property
    def parameters(self) -> Parameters:
        """Defaults with the overrides of ``parameters.toml``, mask files named by their hashes."""
        parameters = load_parameters(self.settings.parameters)
        betas, _ = pin_masks(parameters.betas, self.settings.data)
        return replace(parameters, betas=betas)

    @property
    def mapper(self) -> Mapper:
        """How independent items are computed in parallel."""
        return make_mapper(self.settings)

    @property
    def file_mapper(self) -> Mapper:
        """The same for items that are files of the data folder, which the workers must see."""
        return make_file_mapper(self.settings)
