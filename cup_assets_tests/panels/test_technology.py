"""Profiles of technologies: sensible, sourced, and a laboratory's own beside them."""

from __future__ import annotations

import pytest

from cup_assets.panels.parameters import PanelError
from cup_assets.panels.technology import technologies

OWN = """
[technology.house_pyro]
title = "our pyrosequencer"
amplicon = { FFPE = 140 }
primer_room = 48
read_length = 60
least_effect = 0.15
max_amplicons = 4
look_ahead = 5
resolution = "cpg"
sd = 0.02
dropout = 0.1
[technology.house_pyro.sources]
amplicon = "our validation"
primer_room = "our validation"
read_length = "our validation"
least_effect = "our validation"
max_amplicons = "our validation"
look_ahead = "assumed"
sd = "our validation"
dropout = "our validation"
"""


def test_the_five_technologies_keep_the_limits_of_the_literature() -> None:
    known = technologies()
    assert set(known) == {
        *("pyrosequencing", "msp_qpcr", "ddpcr", "bisulfite_amplicon_seq", "nanopore_adaptive")
    }
    for technology in known.values():
        assert technology.amplicon.get("FFPE", 0) <= 150
        assert technology.amplicon.get("liquid_biopsy", 0) <= 120
    assert known["msp_qpcr"].amplicon["frozen"] == 500
    assert known["msp_qpcr"].least_effect == known["ddpcr"].least_effect == 0.25
    # Two measurements that differ by .25 are told apart at the 5 % level by this noise.
    assert 1.96 * 2**0.5 * known["msp_qpcr"].sd == pytest.approx(0.25, abs=0.005)


def test_what_is_assumed_says_so() -> None:
    assert "sd" in technologies()["pyrosequencing"].assumed()
    assert "least_effect" not in technologies()["ddpcr"].assumed()
    assert technologies(OWN)["house_pyro"].assumed() == ("look_ahead",)


def test_a_window_leaves_room_for_primers_and_ends_with_the_read() -> None:
    known = technologies(OWN)
    assert known["bisulfite_amplicon_seq"].window("liquid_biopsy") == 70
    assert known["bisulfite_amplicon_seq"].window("FFPE") == 100
    assert known["pyrosequencing"].window("FFPE") == 80
    assert known["house_pyro"].window("FFPE") == 60
    assert known["msp_qpcr"].window("frozen") == 500


def test_a_material_that_a_technology_cannot_measure_is_refused() -> None:
    with pytest.raises(PanelError, match="adaptive sampling is not for FFPE: use one of frozen"):
        technologies()["nanopore_adaptive"].window("FFPE")


def test_an_own_technology_replaces_the_packaged_one_of_its_name() -> None:
    own = technologies(OWN.replace("house_pyro", "pyrosequencing"))
    assert own["pyrosequencing"].title == "our pyrosequencer"
    assert len(own) == 5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sd = 0.02", "sd = -1.0", "house_pyro: sd is -1.0: it must not be negative"),
        ("dropout = 0.1", "dropout = 1.0", "dropout is 1.0: it must lie in 0..1, below 1"),
        ("max_amplicons = 4", "max_amplicons = 0", "max_amplicons is 0: it must be at least 1"),
        ('resolution = "cpg"', 'resolution = "gene"', "resolution is 'gene': use cpg or amplicon"),
        ("primer_room = 48", "primer_room = 139", "its primers leave no room"),
        ('sd = "our validation"', "", "house_pyro: say in sources where sd comes from"),
        ("look_ahead = 5\n", "lookahead = 5\n", "technology.house_pyro holds lookahead: use"),
        ("title =", "tittle =", "holds tittle"),
        ("sd = 0.02", 'sd = "low"', "technology.house_pyro: "),
        ("sd = 0.02", "", "technology.house_pyro: .*'sd'"),
        ("[technology.house_pyro]", "[assay.house_pyro]", "must hold .technology.<name>. tables"),
        ("sd = 0.02", "sd = ", "own technologies: is not valid TOML"),
    ],
)
def test_a_wrong_profile_is_refused_in_a_line(old: str, new: str, message: str) -> None:
    with pytest.raises(PanelError, match=message) as caught:
        technologies(OWN.replace(old, new, 1))
    assert "\n" not in str(caught.value)
