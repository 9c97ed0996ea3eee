"""Which gene sets chosen CpGs fall into more often than CpGs drawn blindly would.

Belongs here: reading gene sets (GMT), the test of enrichment, its table. Does not belong here:
choosing CpGs, where genes are annotated (the manifest's columns).

A gene with many probes is hit by more CpGs of any choice, and sets such as development consist of
such genes: a plain hypergeometric test finds them wherever it looks. As missMethyl's ``gometh``
does, genes are therefore drawn in proportion to their probes (Wallenius' noncentral hypergeometric
distribution), and a CpG that several genes share counts once in all.

Phipson, Maksimovic, Oshlack: missMethyl: an R package for analyzing data from Illumina's
HumanMethylation450 platform, Bioinformatics 32:286, 2016. Maksimovic, Oshlack, Phipson: Gene set
enrichment analysis for genome-wide DNA methylation data, Genome Biology 22:173, 2021.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from cup_assets.classify.data import Floats
from cup_assets.panels.parameters import PanelError

ENRICHMENT_SCHEMA = {
    "gene_set": pl.String,
    "n_genes": pl.Int64,
    "n_hit": pl.Int64,
    "counted": pl.Float64,
    "expected": pl.Float64,
    "odds": pl.Float64,
    "p": pl.Float64,
    "fdr": pl.Float64,
    "hit": pl.String,
    "untested": pl.String,
}
# Fractions such as 1/3 + 1/3 + 1/3 are a whole hit.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Enrichment:
    """Gene sets held against chosen CpGs.

    Attributes
    ----------
    table
        (gene_set, n_genes, n_hit, counted, expected, odds, p, fdr, hit, untested), most surprising
        first, untested sets last. ``n_genes`` are those of the set that the background measures,
        ``n_hit`` those with a chosen CpG, named in ``hit``; ``counted`` is their number where a
        CpG of k genes is 1/k of a hit of each, at most 1 a gene, and ``expected`` the same for
        CpGs drawn blindly. ``odds``: how much likelier a gene of the set is drawn than another,
        because of its probes. ``fdr`` is Benjamini and Hochberg's over the tested sets.
        ``untested`` says why a set has no p.
    n_chosen, n_chosen_with_gene
        Chosen CpGs, and those of them that lie in a gene: only they can count.
    n_background_with_gene, n_genes
        CpGs of the background that lie in a gene, and their genes.
    """

    table: pl.DataFrame
    n_chosen: int
    n_chosen_with_gene: int
    n_background_with_gene: int
    n_genes: int


def read_gmt(path: Path) -> dict[str, tuple[str, ...]]:
    """Read gene sets from a GMT file: a line a set, its name, a description and genes, by tabs.

    Returns
    -------
    dict
        Name -> distinct genes, in the order of the file.

    Raises
    ------
    PanelError
        If the file cannot be read, holds no set, or a line is no gene set or repeats a name.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise PanelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise PanelError(f"{path}: is no text in UTF-8; give a GMT file, unpacked") from error
    sets: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, *rest = (part.strip() for part in line.split("\t"))
        genes = tuple(dict.fromkeys(gene for gene in rest[1:] if gene))
        if not name or not genes:
            raise PanelError(
                f"{path}, line {number}: holds no gene set; a line of a GMT file is name,"
                " description and genes, separated by tabs"
            )
        if name in sets:
            raise PanelError(f"{path}, line {number}: gene set {name!r} occurs twice; rename one")
        sets[name] = genes
    if not sets:
        raise PanelError(f"{path}: is empty; give a GMT file with a gene set a line")
    return sets


def enrichment(
    chosen: Sequence[str],
    background: pl.DataFrame,
    gene_sets: Mapping[str, Sequence[str]],
    min_genes: int = 3,
) -> Enrichment:
    """Test every gene set for more genes with a chosen CpG than a blind choice would give.

    Null hypothesis: the chosen CpGs are a random draw from the background. A gene is then hit with
    a chance that grows with its CpGs, 1 - exp(-t w), w the number of its CpGs (each divided by the
    genes that share it) and t such that as many genes are expected as were hit. The set's hits
    follow Wallenius' distribution with the odds that give the expected number. Unlike ``gometh``,
    which smooths the hits themselves over the genes to learn that chance, it is computed, since a
    panel of a few dozen CpGs hits too few genes to learn from.

    Parameters
    ----------
    chosen
        Distinct names of CpGs.
    background : pl.DataFrame
        (probe_id, genes): every CpG that could have been chosen, no other, with its genes joined
        by ";", or null.
    gene_sets
        As `read_gmt` returns them.
    min_genes
        A set of which the background measures fewer genes is not tested.

    Raises
    ------
    PanelError
        If nothing is chosen, a CpG is named twice or lies outside the background, no chosen CpG
        has a gene, or background and gene sets share no gene.
    """
    _check(chosen, background)
    links = (
        background.select("probe_id", gene=pl.col("genes").str.split(";"))
        .explode("gene", empty_as_null=True, keep_nulls=True)
        .with_columns(pl.col("gene").str.strip_chars())
        .filter(pl.col("gene") != "")
        .unique(maintain_order=True)
        .with_columns(share=1 / pl.len().over("probe_id"))
        .with_columns(picked=pl.col("probe_id").is_in(list(chosen)))
    )
    genes = (
        links.group_by("gene")
        .agg(
            weight=pl.col("share").sum(),
            hit=pl.col("picked").any(),
            counted=pl.col("share").filter("picked").sum().clip(0, 1),
        )
        .sort("gene")
    )
    if not genes["hit"].any():
        raise PanelError(f"none of the {len(chosen)} chosen CpGs lies in a gene")
    place = {gene: at for at, gene in enumerate(genes["gene"].to_list())}
    members = {
        name: np.array(sorted({place[gene] for gene in given if gene in place}), dtype=np.int64)
        for name, given in gene_sets.items()
    }
    if not any(len(rows) for rows in members.values()):
        raise PanelError(
            f"none of the genes of the {len(members)} gene sets is in the background (which has"
            f" {genes['gene'][0]}, for one): give sets of gene symbols"
        )
    return Enrichment(
        _table(genes, members, min_genes),
        n_chosen=len(chosen),
        n_chosen_with_gene=links.filter("picked")["probe_id"].n_unique(),
        n_background_with_gene=links["probe_id"].n_unique(),
        n_genes=len(genes),
    )


def _check(chosen: Sequence[str], background: pl.DataFrame) -> None:
    if not len(chosen):
        raise PanelError("no CpG is chosen: there is nothing to test")
    for what, names in (
        ("the chosen CpGs", pl.Series(chosen)),
        ("the background", background["probe_id"]),
    ):
        if names.is_duplicated().any():
            raise PanelError(f"{names.filter(names.is_duplicated())[0]} occurs twice in {what}")
    strange = sorted(set(chosen) - set(background["probe_id"]))
    if strange:
        raise PanelError(
            f"{strange[0]} ({len(strange)} of {len(chosen)} chosen CpGs) is not in the background:"
            " give all CpGs that could have been chosen"
        )


def _table(
    genes: pl.DataFrame,
    members: Mapping[str, np.ndarray[tuple[int], np.dtype[np.int64]]],
    least: int,
) -> pl.DataFrame:
    from scipy.stats import false_discovery_control

    names, hit, counted = genes["gene"], genes["hit"].to_numpy(), genes["counted"].to_numpy()
    draws = round(float(counted.sum()))
    chance = _chances(genes["weight"].to_numpy(), float(counted.sum()))
    rows = []
    for name, at in members.items():
        inside = np.zeros(len(genes), dtype=bool)
        inside[at] = True
        found = float(counted[at].sum())
        odds, p, untested = None, None, None
        if len(at) < least:
            untested = f"{len(at)} of its genes are measured, fewer than {least}"
        elif len(at) == len(genes):
            untested = "every measured gene is in it"
        elif draws >= len(genes):
            untested = "every measured gene is hit"
        else:
            odds = _odds(chance[inside].mean(), chance[~inside].mean())
            p = _tail(int(found + _ROUNDING), len(genes), len(at), draws, odds)
        expected = float(chance[at].sum())
        hits = at[hit[at]]
        names_hit = ";".join(names.gather(hits)) or None
        rows.append((name, len(at), len(hits), found, expected, odds, p, None, names_hit, untested))
    table = pl.DataFrame(rows, schema=ENRICHMENT_SCHEMA, orient="row")
    known = table["p"].is_not_null()
    if known.any():
        fdr = np.full(len(table), np.nan)
        fdr[known.to_numpy()] = false_discovery_control(table["p"].drop_nulls().to_numpy())
        table = table.with_columns(fdr=pl.Series(fdr).fill_nan(None))
    return table.sort("p", "gene_set", nulls_last=True)


def _chances(weight: Floats, hits: float) -> Floats:
    """Return each gene's chance to be hit by blind draws that hit ``hits`` genes on average."""
    from scipy.optimize import brentq

    if hits >= len(weight) - _ROUNDING:
        return np.ones(len(weight))

    def surplus(log_t: float) -> float:
        return float(-np.expm1(-np.exp(log_t) * weight).sum() - hits)

    log_t = brentq(surplus, -50 - np.log(weight.max()), 50 - np.log(weight.min()))
    return np.asarray(-np.expm1(-np.exp(log_t) * weight))


def _odds(inside: float, outside: float) -> float:
    """Return the odds of Wallenius' distribution under which these shares of the genes are hit.

    Its mean satisfies (1 - inside) = (1 - outside) ** odds.
    """
    return float(np.log1p(-inside) / np.log1p(-outside))


def _tail(found: int, n_all: int, n_set: int, draws: int, odds: float) -> float:
    """Return the chance of at least ``found`` genes of the set, summed over the shorter side."""
    from scipy.stats import nchypergeom_wallenius

    low, high = max(0, draws - (n_all - n_set)), min(n_set, draws)
    law = nchypergeom_wallenius(n_all, n_set, draws, odds)
    if found <= low:
        return 1.0
    if found <= float(law.mean()):
        return float(1 - law.pmf(np.arange(low, found)).sum())
    return float(min(law.pmf(np.arange(found, high + 1)).sum(), 1.0))
