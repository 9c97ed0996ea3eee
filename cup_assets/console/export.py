"""``cup export``: tables, betas and copy number as files that other programs read.

Belongs here: what can be asked for, files of tables and of copy number. Does not belong here:
AnnData (`.export_betas`), the formats (`cup_assets.copynumber.export`, `cup_assets.warehouse`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import Progress

from cup_assets.console.errors import ConsoleError
from cup_assets.console.wide import wide_console
from cup_assets.copynumber.export import bed_text, bedgraph_text, seg_text
from cup_assets.orchestration.cnv_files import file_name
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets.warehouse.tables import export_table, table_columns

FORMATS = ("csv", "parquet", "h5ad")
_PROFILED = (
    "SELECT sample_id, batch, build FROM cnv_profiles JOIN batches USING (batch)"
    " WHERE reason IS NULL AND state <> 'retracted' ORDER BY batch, sample_id"
)


@dataclass(frozen=True)
class Choice:
    """Which samples.

    Attributes
    ----------
    batches, samples
        Only these; empty: all that are stored and not retracted.
    reference
        Only members of the reference set.
    """

    batches: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    reference: bool = False

    def of(self, frame: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
        """Return the rows (with ``sample_id`` and ``batch``) that are chosen.

        Raises
        ------
        ConsoleError
            If a batch or sample that was named is not there, or nothing is left.
        """
        for column, names in (("batch", self.batches), ("sample_id", self.samples)):
            absent = sorted(set(names) - set(frame[column]))
            if absent:
                raise ConsoleError(
                    f"no results of {column.removesuffix('_id')} {absent[0]} to export: check the"
                    " name, or run `cup materialize`"
                )
        if self.batches:
            frame = frame.filter(pl.col("batch").is_in(self.batches))
        if self.samples:
            frame = frame.filter(pl.col("sample_id").is_in(self.samples))
        if self.reference:
            members = catalogue.query("SELECT sample_id FROM dataset_members WHERE included")
            frame = frame.join(members, on="sample_id", how="semi", maintain_order="left")
        if frame.is_empty():
            raise ConsoleError("no sample to export: run `cup materialize` first, or choose others")
        return frame


def run_export(
    settings: Settings,
    what: str | None,
    out: Path | None,
    kind: str | None,
    choice: Choice,
    *,
    top: int | None = None,
    patients: bool = False,
) -> None:
    """Write what is asked for, or list what there is.

    Parameters
    ----------
    what
        A table or view, ``betas`` or ``cnv``; None: list them.
    out
        The file (for ``cnv`` the folder); default: named after what is written.
    kind
        One of `FORMATS`; default: the ending of ``out``, else h5ad for betas and csv for others.
    top
        Only so many of the most variable probes; of AnnData.
    patients
        Whether columns that may tell whose a sample is are written with a table.

    Raises
    ------
    ConsoleError, WarehouseError
        If that is not possible; nothing is left behind under the name.
    """
    console = wide_console()
    if not settings.catalogue.is_file():
        raise ConsoleError(f"no {settings.catalogue}: run `cup materialize`, or set CUP_DATA")
    catalogue = Catalogue(settings.catalogue)
    if what is None:
        _list(console, catalogue)
        return
    if what == "cnv":
        _refuse(kind, top, patients, "cnv")
        _copy_number(settings, out or Path("cnv"), choice, console)
        return
    ending = out.suffix.removeprefix(".").lower() if out else ""
    kind = kind or (ending if ending in FORMATS else "h5ad" if what == "betas" else "csv")
    if kind not in FORMATS:
        raise ConsoleError(f"--format: {kind!r}: use {', '.join(FORMATS)}")
    out = out or Path(f"{what.replace('/', '_')}.{kind}")
    with _fresh(out) as staged:
        if kind == "h5ad":
            from cup_assets.console.export_betas import write_h5ad

            if what != "betas" or patients:
                raise ConsoleError(
                    "h5ad is a format of betas, without --patients: use csv, parquet"
                )
            said = write_h5ad(settings, staged, choice, top, console)
        else:
            if top is not None or choice != Choice():
                raise ConsoleError("--batch, --sample, --reference and --top are for h5ad and cnv")
            with console.status(f"writing {what}"):
                rows, withheld = export_table(catalogue, what, staged, kind, personal=patients)
            said = [f"{rows} rows"]
            if withheld:
                said.append(f"withheld: {', '.join(withheld)} (--patients writes them)")
    console.print(f"{out}: {'; '.join(said)}", soft_wrap=True, markup=False)


def _list(console: Console, catalogue: Catalogue) -> None:
    console.print("betas (h5ad, csv, parquet), cnv (SEG, BED, bedGraph), and the tables and views:")
    for table, columns in table_columns(catalogue).items():
        console.print(f"  {table}: {', '.join(columns)}", soft_wrap=True, markup=False)


def _refuse(kind: str | None, top: int | None, patients: bool, what: str) -> None:
    if kind or top is not None or patients:
        raise ConsoleError(f"--format, --top and --patients do not go with {what}")


@contextmanager
def _fresh(out: Path) -> Iterator[Path]:
    """Give a temporary name beside a file that is not there yet, and the name once it is whole."""
    if out.exists():
        raise ConsoleError(f"--out: {out} exists: give another name, or move it away")
    if not out.parent.is_dir():
        raise ConsoleError(f"--out: {out.parent} is not a folder: make it first")
    staged = out.with_name(f".{out.name}.part")
    try:
        yield staged
        staged.replace(out)
    finally:
        staged.unlink(missing_ok=True)


def _copy_number(settings: Settings, out: Path, choice: Choice, console: Console) -> None:
    """Write a bedGraph a sample, and of all samples of a build a SEG and a BED file."""
    catalogue = Catalogue(settings.catalogue)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConsoleError(f"--out: {out} holds something: give an empty or new folder")
    chosen = choice.of(catalogue.query(_PROFILED), catalogue)
    out.mkdir(parents=True, exist_ok=True)
    segments: dict[str, list[pl.DataFrame]] = {}
    with Progress(console=console, transient=True) as progress:
        for batch in progress.track(chosen["batch"].unique().sort().to_list(), description="cnv"):
            bins, own = (
                catalogue.query(
                    f"SELECT * FROM {table} WHERE batch = ?"
                    " ORDER BY sample_id, try_cast(chrom AS INTEGER), chrom, start",
                    [batch],
                )
                for table in ("cnv_bins", "cnv_segments")
            )
            for sample, build in chosen.filter(batch=batch)["sample_id", "build"].iter_rows():
                track = bedgraph_text(bins.filter(sample_id=sample), sample, build)
                _write(out / f"{file_name(sample)}.{build}.bedgraph", track)
                segments.setdefault(build, []).append(own.filter(sample_id=sample))
    for build, frames in sorted(segments.items()):
        table = pl.concat(frames)
        _write(out / f"segments.{build}.seg", seg_text(table))
        _write(out / f"calls.{build}.bed", bed_text(table, "cup_assets", build))
    builds = ", ".join(sorted(segments))
    console.print(
        f"{out}: {chosen.height} samples on {builds}: SEG and BED of all, a bedGraph each; IGV"
        " opens them, with the genome of the build",
        soft_wrap=True, markup=False,
    )  # fmt: skip


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
