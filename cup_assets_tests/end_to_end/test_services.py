"""Code server, daemon and web pages as services of their own, as the unit files start them."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cup_assets.orchestration.storage import POSTGRES_VARIABLE
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.end_to_end.postgres import postgres_server
from cup_assets_tests.end_to_end.services import DEPLOY, Services, read_environment, read_unit
from cup_assets_tests.end_to_end.watching import wait_for

UNITS = sorted(file.name for file in (DEPLOY / "systemd").glob("*.service"))
HARDENED = {
    "User": "cup",
    "Group": "cup",
    "UMask": "0027",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "CapabilityBoundingSet": "",
    "IPAddressDeny": "any",
    "IPAddressAllow": "localhost",
    "EnvironmentFile": "/etc/cup/cup.env",
}


@pytest.mark.parametrize("unit", UNITS)
def test_a_service_is_confined_and_listens_on_the_loopback_at_most(unit: str) -> None:
    entries = read_unit(unit)
    assert {key: entries.get(key, [None])[0] for key in HARDENED} == HARDENED
    (command,) = entries["ExecStart"]
    assert command.startswith("/opt/cup/.venv/bin/")
    for option in ("--host", "-h"):
        if option in command.split():
            words = command.split()
            assert words[words.index(option) + 1] == "127.0.0.1"
    used = {word[2:-1] for word in command.split() if word.startswith("${")}
    assert used <= set(read_environment())


def test_systemd_finds_nothing_wrong_with_the_units() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze, to read the unit files as systemd does")
    files = sorted((DEPLOY / "systemd").iterdir())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # What is to be installed in /opt/cup is not there.
    amiss = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert [line for line in amiss if "cup-" in line] == []


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres_server() as found:
        yield found


@pytest.fixture
def services(address: str, cohort: SimulatedCohort, tmp_path: Path) -> Iterator[Services]:
    """Return the services with Dagster's storage in PostgreSQL; none is started yet."""
    services = Services(tmp_path / "lib", {POSTGRES_VARIABLE: address})
    shutil.copytree(cohort.manifests, services.settings.manifests)
    try:
        yield services
    finally:
        services.stop_all()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_batch_lands_and_is_materialised_though_the_code_server_is_restarted_in_mid_run(
    services: Services, cohort: SimulatedCohort
) -> None:
    for unit in ("cup-code.service", "cup-daemon.service", "cup-webserver.service"):
        services.start(unit)
    wait_for(services.is_ready, "the services are ready", 180, services.console)

    batch = services.land(cohort.landing / cohort.batches[0])
    begun = services.wait_for_step("normalised/betas", 240)
    services.stop("cup-code.service")
    services.start("cup-code.service")
    (done,) = services.wait_for(
        lambda: services.runs(job="process_batch", partition=batch, status="SUCCESS"),
        "the batch is processed after all",
        400,
    )
    # By Dagster's retries, and by the platform's sensor where the code server was away for them.
    came_from = {
        run.run_id: run.tags.get("cup/resumes") or run.tags.get("dagster/parent_run_id")
        for run in services.runs()
    }
    origin: str | None = done.run_id
    while origin not in (None, begun.run_id):
        origin = came_from[origin]
    assert origin == begun.run_id
    (lost,) = [run for run in services.runs() if run.run_id == begun.run_id]
    assert lost.status in ("FAILURE", "CANCELED")
    samples = services.catalogue.query(
        "SELECT count(*) FROM sample_measures WHERE batch = ?", [batch]
    ).item()
    assert samples == len(list((services.settings.landing / batch).glob("*_Grn.idat")))
    assert_private(services)
    assert_read_only(services)


def assert_private(services: Services) -> None:
    """See that nothing that was made can be read by others."""
    landed = services.settings.landing
    made = [
        path
        for path in (*services.settings.data.rglob("*"), *(services.folder / "dagster").rglob("*"))
        if not path.is_relative_to(landed) and not path.is_relative_to(services.settings.manifests)
        and path != services.settings.parameters  # put there by the test
    ]  # fmt: skip
    assert len(made) > 20
    assert [str(path) for path in made if path.exists() and path.stat().st_mode & 0o007] == []
    assert services.settings.data.stat().st_mode & 0o007 == 0


def assert_read_only(services: Services) -> None:
    """See that readers' page shows the same and lets nobody do anything."""
    services.start("cup-reader.service")
    page = f"http://127.0.0.1:{services.environment['CUP_READER_PORT']}"

    def ask(query: str) -> dict[str, object]:
        request = urllib.request.Request(
            f"{page}/graphql", json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as response:
            return dict(json.load(response)["data"])

    def answers() -> dict[str, object] | None:
        try:
            return ask("query { permissions { permission value } }")
        except OSError:
            return None

    found = wait_for(answers, "the readers' page answers", 120, services.console)
    rights = {entry["permission"]: entry["value"] for entry in found["permissions"]}  # type: ignore[attr-defined]
    assert rights["launch_pipeline_execution"] is False
    assert not any(rights.values()), rights
    refused = ask('mutation { deleteRun(runId: "any") { __typename } }')
    assert refused == {"deleteRun": {"__typename": "UnauthorizedError"}}
