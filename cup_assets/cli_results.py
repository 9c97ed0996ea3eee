"""The commands of ``cup`` that take results out of the platform: ``report``, ``audit``, ``export``.

Belongs here: their arguments. Does not belong here: what they do (`cup_assets.console`), the other
commands (`cup_assets.cli`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cup_assets.settings import Settings

app = typer.Typer()


@app.command()
def report(
    sample_id: Annotated[str | None, typer.Argument(help="A diagnostic case.")] = None,
    batch: Annotated[str | None, typer.Option(help="All cases of this batch instead.")] = None,
    cohort: Annotated[
        bool, typer.Option("--cohort", help="The page about the whole cohort instead.")
    ] = False,
    lang: Annotated[str, typer.Option(help="en or fr.")] = "en",
    pdf: Annotated[bool, typer.Option(help="As PDF too; needs a Chromium.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder; default: this one.")] = None,
) -> None:
    """Write the page about a diagnostic case, every case of a batch, or the whole cohort."""
    from cup_assets.console.report import run_report

    settings = Settings.from_environment()
    run_report(settings, sample_id, batch, cohort=cohort, language=lang, pdf=pdf, out=out)


@app.command()
def audit(
    name: Annotated[
        str | None,
        typer.Argument(help="A sample with scores; with --bundle: panel or release, too."),
    ] = None,
    full: Annotated[
        bool, typer.Option(help="Every input, not only the sample's own files.")
    ] = False,
    bundle: Annotated[
        Path | None, typer.Option(help="Write everything behind it into this ZIP file (RO-Crate).")
    ] = None,
    with_idats: Annotated[
        bool, typer.Option("--with-idats", help="The bundle holds the raw files, too.")
    ] = False,
    verify: Annotated[Path | None, typer.Option(help="Check this bundle instead.")] = None,
    digest: Annotated[
        str | None, typer.Option(help="Noted when the bundle was made, to check against.")
    ] = None,
) -> None:
    """Print, pack or check the chain from a result back to file hashes, code, parameters, runs."""
    from cup_assets.console.audit import Asked, run

    settings = Settings.from_environment()
    run(settings, Asked(name, full, bundle, with_idats, verify, digest))


@app.command()
def export(
    what: Annotated[
        str | None, typer.Argument(help="A table, betas or cnv; without it what there is.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file; for cnv the folder.")] = None,
    kind: Annotated[
        str | None, typer.Option("--format", help="csv, parquet; of betas also h5ad.")
    ] = None,
    batch: Annotated[list[str] | None, typer.Option(help="Only this batch (repeatable).")] = None,
    sample: Annotated[list[str] | None, typer.Option(help="Only this one (repeatable).")] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Only members of the reference set.")
    ] = False,
    top: Annotated[int | None, typer.Option(help="Only so many most variable probes.")] = None,
    patients: Annotated[
        bool, typer.Option("--patients", help="With columns that may tell whose a sample is.")
    ] = False,
) -> None:
    """Write a table (CSV, Parquet), betas (AnnData) or copy number (SEG, BED, bedGraph)."""
    from cup_assets.console.export import Choice, run_export

    choice = Choice(tuple(batch or ()), tuple(sample or ()), reference)
    settings = Settings.from_environment()
    run_export(settings, what, out, kind, choice, top=top, patients=patients)
