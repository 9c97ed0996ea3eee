"""A server with simulated cohorts, and a platform's folders to fetch them into."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from cup_assets.methylome import Manifest, load_manifests
from cup_assets.public.landing import batch_name
from cup_assets.public.plan import Request
from cup_assets.public.registry import Accession, load_registry
from cup_assets.public.web import Manners, Web
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.public.cohorts import SERIES
from cup_assets_tests.public.server import Site, serving

HASTY = Manners(pace=0.0, retries=3, timeout=20.0)


@lru_cache(maxsize=1)
def _registry() -> dict[str, Accession]:
    return load_registry()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as found:
        yield found


@pytest.fixture
def pauses() -> list[float]:
    """Seconds that the client under test would have waited."""
    return []


@pytest.fixture
def web(pauses: list[float]) -> Iterator[Web]:
    with Web(HASTY, sleep=pauses.append) as found:
        yield found


@pytest.fixture
def request_for(site: Site, tmp_path: Path):
    """Return a request for an accession of the packaged registry, at the local server."""

    def make(accession: str = SERIES, **changes: object) -> Request:
        entry = _registry()[accession]
        source = f"{site.url}/{entry.source}"
        request = Request(
            entry, source, tmp_path / "landing", tmp_path / "downloads", accept_unverified=True
        )
        return replace(request, **changes)

    return make


@pytest.fixture(scope="session")
def mini_manifest(
    mini_cohort: SimulatedCohort, tmp_path_factory: pytest.TempPathFactory
) -> Manifest:
    (manifest,) = load_manifests(mini_cohort.manifests, tmp_path_factory.mktemp("cache"))
    return manifest


def landed(request: Request) -> list[str]:
    """Names in the landing folder that the sensor would see, and hidden ones."""
    return sorted(p.name for p in request.landing.iterdir()) if request.landing.exists() else []


def first(accession: str = SERIES) -> str:
    return batch_name(accession, 1)


def provenance(folder: Path) -> dict:
    return json.loads((folder / "provenance.json").read_text())
