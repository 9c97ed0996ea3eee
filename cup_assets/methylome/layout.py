"""A manifest as arrays, and the plan that turns a file's bead order into probes.

Belongs here: index arithmetic, done once per manifest and once per address order, so that the
work per sample is array gathers. Does not belong here: intensities and what is done with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.histogram import N_LEVELS

if TYPE_CHECKING:
    from cup_assets.methylome.manifest import Manifest

Index = NDArray[np.int32]
Scalar = TypeVar("Scalar", np.uint8, np.uint16)

NORM_GREEN = ("NORM_C", "NORM_G", "NORMALIZATION-GREEN")
NORM_RED = ("NORM_A", "NORM_T", "NORMALIZATION-RED")
NEGATIVE = ("NEGATIVE",)


@dataclass(frozen=True, eq=False)
class ArrayLayout:
    """The part of a manifest that per-sample work needs: numbers only, quick to send elsewhere.

    Attributes
    ----------
    array, name, content_hash : str
        As in `Manifest`.
    address_a, address_b : int32[p]
        Bead addresses in probe order; ``address_b`` is 0 for Type II.
    type_one, red : bool[p]
        Type I design; Type I in the red channel.
    on_x, on_y : bool[p]
        Methylation probes on the sex chromosomes.
    control_address : int32[c]
        Control probes.
    control_kind, control_label : tuple of str, c each
        Their kinds and labels.
    """

    array: str
    name: str
    content_hash: str
    address_a: Index
    address_b: Index
    type_one: NDArray[np.bool_]
    red: NDArray[np.bool_]
    on_x: NDArray[np.bool_]
    on_y: NDArray[np.bool_]
    control_address: Index
    control_kind: tuple[str, ...]
    control_label: tuple[str, ...]

    @property
    def n_probes(self) -> int:
        """Number of probes."""
        return len(self.address_a)

    @cached_property
    def addresses(self) -> Index:
        """Every bead address of the array, distinct and ascending."""
        type_one = self.address_b[self.type_one]
        return np.unique(np.concatenate([self.address_a, type_one, self.control_address]))

    @cached_property
    def rows_on_x(self) -> NDArray[np.intp]:
        """Rows of the probes on X."""
        return np.flatnonzero(self.on_x)

    @cached_property
    def rows_on_y(self) -> NDArray[np.intp]:
        """Rows of the probes on Y."""
        return np.flatnonzero(self.on_y)

    def controls_of(self, kinds: tuple[str, ...]) -> NDArray[np.bool_]:
        """Return which control probes are of these kinds, bool[c]."""
        return np.array([kind in kinds for kind in self.control_kind], dtype=bool)


@dataclass(frozen=True, eq=False)
class GatherPlan:
    """Where each probe's intensities lie in the beads of one Grn/Red pair.

    Positions are those in the pair's concatenation: the green beads, one empty slot for absent
    addresses, the red beads, another empty slot; ``2 * (n + 1)`` places. Positions "in a channel"
    count within that channel's ``n`` beads.

    Attributes
    ----------
    n_beads : int
        Bead types of the file (n).
    m, u : int32[p]
        Place of the methylated and of the unmethylated intensity.
    absent : bool[p]
        An address of the probe is not on this array.
    in_band_green, in_band_red : int32[...]
        Beads whose colour in that channel is a probe's signal: Type I of that channel, and
        Type II.
    out_of_band_green, out_of_band_red : int32[...]
        Beads of Type I probes of the other channel.
    one : int32[k]
        Rows of the Type I probes of which both addresses are on the array.
    one_a, one_b : int32[k]
        Their beads, within a channel.
    one_red : bool[k]
        They are read in the red channel.
    two : int32[...]
        Beads of Type II probes.
    negative, norm_green, norm_red : int32[...]
        Control beads, absent ones left out.
    control : int32[c]
        Bead of every control probe; n where absent.
    """

    n_beads: int
    m: Index
    u: Index
    absent: NDArray[np.bool_]
    in_band_green: Index
    in_band_red: Index
    out_of_band_green: Index
    out_of_band_red: Index
    one: Index
    one_a: Index
    one_b: Index
    one_red: NDArray[np.bool_]
    two: Index
    negative: Index
    norm_green: Index
    norm_red: Index
    control: Index

    @cached_property
    def m_table(self) -> NDArray[np.intp]:
        """Where the table of M's channel begins, in a green table followed by a red one."""
        return np.where(self.m > self.n_beads, N_LEVELS, 0)

    @cached_property
    def u_table(self) -> NDArray[np.intp]:
        """Where the table of U's channel begins."""
        return np.where(self.u > self.n_beads, N_LEVELS, 0)


@dataclass(frozen=True, eq=False)
class ProbeLevels:
    """Each probe's two raw intensities, gathered once for everything that looks them up.

    Attributes
    ----------
    m, u : uint16[p]
        Raw M and U; 0 where absent.
    m_at, u_at : intp[p]
        Their places in a green table of 65,536 levels followed by a red one.
    """

    m: NDArray[np.uint16]
    u: NDArray[np.uint16]
    m_at: NDArray[np.intp]
    u_at: NDArray[np.intp]


_layouts: dict[str, ArrayLayout] = {}
_plans: dict[str, list[tuple[Index, GatherPlan]]] = {}
# Address orders of one array kept per process: the array itself and a few revisions of its scans.
_PLANS_KEPT = 4


def layout_of(manifest: Manifest | ArrayLayout) -> ArrayLayout:
    """Return a manifest's arrays, built once per process and content."""
    if isinstance(manifest, ArrayLayout):
        return manifest
    layout = _layouts.get(manifest.content_hash)
    if layout is None:
        layout = _layouts[manifest.content_hash] = _build_layout(manifest)
    return layout


def plan_for(layout: ArrayLayout, address: Index) -> GatherPlan:
    """Return the plan of a file's address order, built once per process and order."""
    plans = _plans.setdefault(layout.content_hash, [])
    for known, plan in plans:
        if known is address or np.array_equal(known, address):
            return plan
    plan = build_plan(layout, address)
    # A copy: the file's own array would keep the whole file in memory.
    plans.insert(0, (address.copy(), plan))
    del plans[_PLANS_KEPT:]
    return plan


def build_plan(layout: ArrayLayout, address: Index) -> GatherPlan:
    """Locate every probe and control of ``layout`` among the beads ``address`` int32[n]."""
    n = len(address)
    order = np.argsort(address, kind="stable").astype(np.int32)
    ascending = address[order]

    def locate(wanted: Index) -> Index:
        """Return the place of each wanted address in the file; n where absent."""
        at = np.minimum(np.searchsorted(ascending, wanted), n - 1)
        return np.where(ascending[at] == wanted, order[at], np.int32(n))

    a = locate(layout.address_a)
    b = np.where(layout.type_one, locate(layout.address_b), a)
    one, red = layout.type_one, layout.red
    green = one & ~red
    # Type I: both intensities in the probe's channel, U from bead A, M from bead B.
    # Type II: one bead, M in green, U in red.
    m = b + np.where(red, n + 1, 0)
    u = a + np.where(red | ~one, n + 1, 0)
    control = locate(layout.control_address)

    def beads(*places: Index) -> Index:
        joined = np.concatenate(places)
        return joined[joined < n].astype(np.int32)

    def controls(kinds: tuple[str, ...]) -> Index:
        return beads(control[layout.controls_of(kinds)])

    absent = (a == n) | (b == n)
    here = np.flatnonzero(one & ~absent)
    return GatherPlan(
        n_beads=n,
        m=m.astype(np.int32),
        u=u.astype(np.int32),
        absent=absent,
        in_band_green=beads(a[green], b[green], a[~one]),
        in_band_red=beads(a[red], b[red], a[~one]),
        out_of_band_green=beads(a[red], b[red]),
        out_of_band_red=beads(a[green], b[green]),
        one=here.astype(np.int32),
        one_a=a[here].astype(np.int32),
        one_b=b[here].astype(np.int32),
        one_red=red[here],
        two=beads(a[~one]),
        negative=controls(NEGATIVE),
        norm_green=controls(NORM_GREEN),
        norm_red=controls(NORM_RED),
        control=control,
    )


def levels_of(grn: NDArray[np.uint16], red: NDArray[np.uint16], plan: GatherPlan) -> ProbeLevels:
    """Gather the probes' raw intensities from those of a file's beads, uint16[n] a channel."""
    raw = side_by_side(grn, red)
    m, u = raw.take(plan.m), raw.take(plan.u)

    return ProbeLevels(m, u, plan.m_table + m, plan.u_table + u)


def side_by_side(grn: NDArray[Scalar], red: NDArray[Scalar]) -> NDArray[Scalar]:
    """Green, an empty slot, red, an empty slot: the places that a plan refers to."""
    empty = np.zeros(1, dtype=grn.dtype)
    return np.concatenate([grn, empty, red, empty])


def _build_layout(manifest: Manifest) -> ArrayLayout:
    probes = manifest.probes
    methylation = probes["kind"].is_in(["cg", "ch"])
    return ArrayLayout(
        array=manifest.array,
        name=manifest.name,
        content_hash=manifest.content_hash,
        address_a=probes["address_a"].to_numpy(),
        address_b=probes["address_b"].fill_null(0).to_numpy(),
        type_one=(probes["design"] == "I").to_numpy(),
        red=(probes["channel"] == "Red").fill_null(False).to_numpy(),
        on_x=(methylation & (probes["chrom"] == "X").fill_null(False)).to_numpy(),
        on_y=(methylation & (probes["chrom"] == "Y").fill_null(False)).to_numpy(),
        control_address=manifest.controls["address"].to_numpy(),
        control_kind=tuple(manifest.controls["kind"].fill_null("").to_list()),
        control_label=tuple(manifest.controls["label"].fill_null("").to_list()),
    )
