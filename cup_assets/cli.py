"""The ``cup`` command.

Belongs here: arguments, and one clear line for every error. Does not belong here: what the
commands do (`cup_assets.console`, `cup_assets.orchestration.headless`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cup_assets import cli_results
from cup_assets.settings import Settings

app = typer.Typer(
    name="cup",
    help="From raw methylation arrays (IDAT) to tumour diagnoses that can be audited.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def demo() -> None:
    """Simulate a cohort, materialise everything, print the leaderboard and where things are."""
    from cup_assets.console.demo import run_demo

    run_demo(_settings())


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Where the cohort is written.")],
    array: Annotated[str, typer.Option(help="mini, 450k, epic or epicv2.")] = "mini",
    samples: Annotated[int | None, typer.Option(help="About how many samples.")] = None,
    batches: Annotated[int | None, typer.Option(help="How many batches.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    first_number: Annotated[
        int, typer.Option(help="Number of the first sample, so that it can join another cohort.")
    ] = 1,
    gz: Annotated[bool, typer.Option(help="Write .idat.gz.")] = False,
    manifest: Annotated[
        Path | None, typer.Option(help="Simulate on this Illumina manifest (CSV) instead.")
    ] = None,
) -> None:
    """Write a simulated cohort as real IDAT files, with its truth beside it."""
    from cup_assets.console.demo import run_simulate

    run_simulate(
        _settings(),
        folder,
        batches=batches,
        first_number=first_number,
        array=array,
        samples=samples,
        seed=seed,
        gz=gz,
        manifest=manifest,
    )


@app.command()
def intake(
    path: Annotated[Path, typer.Argument(help="Folder of IDAT files with samplesheet.csv.")],
    check: Annotated[bool, typer.Option("--check", help="Only say what is wrong.")] = False,
) -> None:
    """Check a batch and copy it into the landing folder, as a whole or not at all."""
    from cup_assets.console.intake import run_intake

    run_intake(_settings(), path, check_only=check)


@app.command()
def fetch(
    accession: Annotated[str | None, typer.Argument(help="GEO series or GDC project.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Print the registry.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would come; transfer descriptions only.")
    ] = False,
    accept_unverified: Annotated[
        bool, typer.Option("--accept-unverified", help="Land labels nobody held to the source.")
    ] = False,
    accept_changed: Annotated[
        bool, typer.Option("--accept-changed", help="Land files that changed since a fetch.")
    ] = False,
    batch_size: Annotated[
        int | None, typer.Option(help="Most samples a batch; default: 96.")
    ] = None,
) -> None:
    """Bring a public cohort of the registry into the landing folder, in batches."""
    from cup_assets.console.fetch import run_fetch, run_list

    if show:
        run_list(_settings())
        return
    run_fetch(
        _settings(), accession, dry_run=dry_run, accept_unverified=accept_unverified,
        accept_changed=accept_changed, batch_size=batch_size,
    )  # fmt: skip


@app.command()
def materialize(
    batch: Annotated[list[str] | None, typer.Option(help="Only this batch (repeatable).")] = None,
    force: Annotated[bool, typer.Option(help="Compute even what is unchanged.")] = False,
) -> None:
    """Bring everything that is out of date up to date, without daemon or web server."""
    from cup_assets.console.materialise import run_materialize

    run_materialize(_settings(), batch, force=force)


@app.command()
def classify(
    path: Annotated[Path, typer.Argument(help="Folder of IDAT pairs; a table for --panel.")],
    release: Annotated[str | None, typer.Option(help="Version; default: the current one.")] = None,
    material: Annotated[
        str | None, typer.Option(help="FFPE or frozen, where no sample sheet or table says it.")
    ] = None,
    panel: Annotated[
        str | None,
        typer.Option(
            help="Technology (its current release) or version of a panel: PATH is a CSV,"
            " TSV or Parquet of its betas."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="CSV of the calls by --panel; default: beside the table.")
    ] = None,
) -> None:
    """Score new IDAT pairs, or a table of a few betas, with a release; nothing is stored."""
    if panel is not None or out is not None:
        from cup_assets.console.classify_panel import run_classify_panel

        run_classify_panel(_settings(), path, panel, material, out, release)
        return
    from cup_assets.console.classify import run_classify

    run_classify(_settings(), path, release, material)


@app.command()
def evaluate(
    table: Annotated[Path, typer.Argument(help="Betas: CSV, TSV, Parquet or GEO series matrix.")],
    label: Annotated[str | None, typer.Option(help="Column of the classes.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Table about the samples, where TABLE has probes in rows.")
    ] = None,
    sample: Annotated[str | None, typer.Option(help="Column of the samples' names.")] = None,
    patient: Annotated[
        str | None, typer.Option(help="Column of the patients; without it one a sample.")
    ] = None,
    batch: Annotated[str | None, typer.Option(help="Column of batches to leave out.")] = None,
    site: Annotated[str | None, typer.Option(help="Column of centres to leave out.")] = None,
    array: Annotated[str | None, typer.Option(help="Column of arrays to test across.")] = None,
    material: Annotated[
        str | None, typer.Option(help="Column of FFPE or frozen, to adjust for.")
    ] = None,
    family: Annotated[str | None, typer.Option(help="Column of the classes' families.")] = None,
    taxonomy: Annotated[
        str | None,
        typer.Option(help="Labels are diagnoses: a vocabulary (TOML), or 'packaged'."),
    ] = None,
    models: Annotated[
        list[str] | None, typer.Option(help="Names with commas between; default: all.")
    ] = None,
    outer: Annotated[int | None, typer.Option(help="Outer folds; default: 5.")] = None,
    inner: Annotated[int | None, typer.Option(help="Inner folds; default: 5.")] = None,
    repeats: Annotated[int | None, typer.Option(help="Divisions drawn; default: 1.")] = None,
    probes: Annotated[int | None, typer.Option(help="Most variable probes kept.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random; default: 1.")] = None,
    parameters: Annotated[
        Path | None, typer.Option(help="TOML file with tables cohort and evaluation.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; default: TABLE.evaluation.")
    ] = None,
) -> None:
    """Cross-validate the models on a table of betas with labels, instead of raw files."""
    from cup_assets.console.evaluate import Request, run_evaluate

    columns = {
        **{"patient": patient, "batch": batch, "site": site, "array": array},
        **{"material": material, "family": family},
    }
    request = Request(
        table, label, labels, sample, columns, taxonomy, tuple(models or ()),
        outer, inner, repeats, probes, seed, parameters, out,
    )  # fmt: skip
    run_evaluate(_settings(), request)


@app.command()
def panel(
    classes: Annotated[
        str, typer.Option(help="Classes or families with commas between; one: against all others.")
    ],
    size: Annotated[int, typer.Option(help="CpGs.")] = 10,
    gene_sets: Annotated[
        Path | None, typer.Option(help="GMT file: which gene sets do the CpGs fall into?")
    ] = None,
    technology: Annotated[
        str | None, typer.Option(help="Only what it can measure: pyrosequencing, msp_qpcr, ...")
    ] = None,
    material: Annotated[
        str | None, typer.Option(help="FFPE, frozen or liquid_biopsy, with --technology.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; default: panel_CLASSES_SIZE.")
    ] = None,
) -> None:
    """Choose the CpGs that tell the classes apart, judged on patients that did not choose them."""
    from cup_assets.console.panel import run_panel

    names = [name.strip() for name in classes.split(",") if name.strip()]
    run_panel(_settings(), names, size, gene_sets, out, technology, material)


app.add_typer(cli_results.app)


@app.command()
def doctor() -> None:
    """Check environment, manifests, disk and instance."""
    from cup_assets.console.doctor import run_doctor

    run_doctor(_settings())


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="Where backups are kept, on another disk.")],
    landing: Annotated[bool, typer.Option(help="Copy the files of the batches, too.")] = True,
) -> None:
    """Copy everything as it is at one moment; the platform may be at work meanwhile."""
    from cup_assets.console.backup import run_backup

    run_backup(_settings(), folder, landing=landing)


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="One backup that `cup backup` made.")],
) -> None:
    """Check a backup and put it into an empty data folder."""
    from cup_assets.console.backup import run_restore

    run_restore(_settings(), folder)


@app.command()
def prepare() -> None:
    """Make the data folder and the Dagster instance, as the services need them."""
    from cup_assets.console.ui import run_prepare

    run_prepare(_settings())


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Open the Dagster UI with its daemon on 127.0.0.1, on the persistent instance."""
    from cup_assets.console.ui import run_ui

    run_ui(_settings(), port)


def _settings() -> Settings:
    return Settings.from_environment()


def main() -> None:
    """Run the command; errors of the platform are one line, anything else is a traceback."""
    from cup_assets.console.errors import explained
    from cup_assets.file_modes import keep_private

    keep_private()
    message = explained(app)
    if message:
        print(f"cup: {message}", file=sys.stderr)
        sys.exit(1)
