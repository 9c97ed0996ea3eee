"""Write the sample sheet of a batch, in Illumina's layout or as a plain CSV.

Belongs here: the file. Does not belong here: who is in the batch (`people`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from cup_assets.simulate.people import Sample

COHORT = "SIMULATED"


def write_samplesheet(path: Path, samples: Sequence[Sample], *, illumina_layout: bool) -> None:
    """Write ``samplesheet.csv`` with the labels as the hospital would have noted them.

    Parameters
    ----------
    path : Path
        File to write.
    samples : sequence of Sample
        The batch, one row each.
    illumina_layout : bool
        With [Header] and [Data] sections; otherwise only the table.
    """
    table = pl.DataFrame([_row(sample) for sample in samples]).write_csv()
    if illumina_layout:
        width = table.split("\n", 1)[0].count(",")
        head = [
            ("[Header]",),
            ("Investigator Name", "SIMULATED"),
            ("Project Name", "SIMULATED COHORT"),
            ("Date", samples[0].scanned.date().isoformat()),
            ("Description", "SIMULATED data: no real patient"),
            ("[Data]",),
        ]
        table = "".join(",".join(row) + "," * (width + 1 - len(row)) + "\n" for row in head) + table
    path.write_text(table, encoding="utf-8")


def _row(sample: Sample) -> dict[str, str]:
    return {
        "Sample_ID": sample.sample_id,
        "Sentrix_ID": sample.sentrix_id,
        "Sentrix_Position": sample.sentrix_position,
        "patient_id": sample.patient_id,
        "diagnosis": sample.label,
        "role": sample.role,
        "material": sample.material,
        "sex": sample.labelled_sex,
        "site": sample.site,
        "cohort": COHORT,
    }
