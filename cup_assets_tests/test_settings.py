"""Where things are follows the environment, and an unusable environment is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from cup_assets.settings import Settings, SettingsError

VARIABLES = (
    *("CUP_DATA", "CUP_COMPUTE", "CUP_SPARK_MASTER", "CUP_WORKERS", "DAGSTER_HOME"),
    *("CUP_GEO_URL", "CUP_GDC_URL"),
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_without_environment_the_data_lies_in_the_checkout_whatever_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment()
    assert settings.data == Path(__file__).resolve().parents[1] / "data"
    assert settings.compute == "local"
    assert settings.workers >= 1


def test_everything_lies_under_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUP_DATA", str(tmp_path))
    settings = Settings.from_environment()
    paths = [
        *(settings.landing, settings.manifests, settings.warehouse, settings.catalogue),
        *(settings.cache, settings.releases, settings.reports, settings.parameters),
        *(settings.dagster_home, settings.downloads),
    ]
    assert all(path.is_relative_to(tmp_path) for path in paths)
    assert len(set(paths)) == len(paths)


def test_a_mirror_of_a_public_source_is_used_where_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Settings.from_environment().gdc_url == "https://api.gdc.cancer.gov"
    monkeypatch.setenv("CUP_GEO_URL", "https://mirror.example/geo")
    assert Settings.from_environment().geo_url == "https://mirror.example/geo"


def test_the_instance_is_where_dagster_home_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert Settings(Path("data")).dagster_home == tmp_path


def test_a_relative_data_folder_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUP_DATA", "here")
    assert Settings.from_environment().data == tmp_path.resolve() / "here"


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("CUP_WORKERS", "0", "whole number of at least 1"),
        ("CUP_WORKERS", "-2", "whole number of at least 1"),
        ("CUP_WORKERS", "many", "whole number of at least 1"),
        ("CUP_COMPUTE", "cloud", "use 'local' or 'spark'"),
        ("CUP_GEO_URL", "ftp.ncbi.nlm.nih.gov", "begins with https://"),
        ("CUP_GDC_URL", "ftp://mirror", "begins with https://"),
    ],
)
def test_an_unusable_variable_is_named_with_its_value_and_the_remedy(
    name: str, value: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=remedy) as caught:
        Settings.from_environment()
    assert f"{name}={value!r}" in str(caught.value)
    assert "\n" not in str(caught.value)
