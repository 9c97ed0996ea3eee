"""The commands of ``cup`` that take results out of the platform: ``audit`` and ``export``.

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
