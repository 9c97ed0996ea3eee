"""A picture that leaves samples out says so."""

from cup_assets.orchestration.assets.normalised import _density_title


def test_a_density_picture_of_a_large_batch_says_how_many_samples_it_shows() -> None:
    assert _density_title(50).endswith("the first 48 of 50")
    assert "first" not in _density_title(48)
