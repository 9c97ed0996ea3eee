"""A cohort is divided by slides, always in the same way."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cup_assets.public.batches import ReadySample, divide, place_on_slide
from cup_assets.public.labels import Labelled
from cup_assets.public.samples import SourceSample
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.public.cohorts import stems

NOTHING = Labelled(None, "reference", None, None, None, "GSE1", {})


def ready(array: str, slide: int, row: int) -> ReadySample:
    source = SourceSample(f"GSM{slide}{row}", array, {})
    return ReadySample(source, NOTHING, f"20000000{slide:04}", f"R{row:02}C01", {})


slides = st.dictionaries(
    st.integers(0, 30), st.tuples(st.sampled_from(["450k", "epic"]), st.integers(1, 12)), max_size=9
)


@given(slides, st.integers(1, 40), st.randoms(use_true_random=False))
def test_slides_stay_whole_arrays_apart_batches_small_and_nobody_is_lost(
    slides: dict[int, tuple[str, int]], size: int, random
) -> None:
    samples = [
        ready(array, slide, row)
        for slide, (array, n) in slides.items()
        for row in range(1, n + 1)
    ]  # fmt: skip
    batches = divide(samples, size)
    assert sorted(s.source.sample_id for b in batches for s in b) == sorted(
        s.source.sample_id for s in samples
    )
    for batch in batches:
        assert len({s.source.array for s in batch}) == 1
        assert len(batch) <= size or len({s.barcode for s in batch}) == 1
    homes = {(s.barcode, number) for number, batch in enumerate(batches) for s in batch}
    assert len(homes) == len(slides)
    random.shuffle(samples)
    assert divide(samples, size) == batches


def test_the_place_on_the_slide_is_read_from_the_files_where_their_names_do_not_say_it(
    mini_cohort: SimulatedCohort, tmp_path: Path
) -> None:
    stem, other = stems(mini_cohort)[:2]
    pair = {colour: Path(f"{stem}_{colour}.idat") for colour in ("Grn", "Red")}
    named = place_on_slide(pair)
    renamed = {colour: tmp_path / f"{colour}.idat" for colour in pair}
    for colour, path in renamed.items():
        path.write_bytes(pair[colour].read_bytes())
    assert place_on_slide(renamed) == named == tuple(stem.name.split("_"))
    renamed["Red"].write_bytes(Path(f"{other}_Red.idat").read_bytes())
    assert isinstance(place_on_slide(renamed), str)
    renamed["Red"].write_bytes(b"IDAT?")
    assert "Red.idat" in place_on_slide(renamed)
