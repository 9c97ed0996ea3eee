"""The UI leads from predictions and the released classifier to what they were made from."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from cup_assets_tests.orchestration.chain import Chain


def test_predictions_link_to_the_page_of_their_input_manifest(complete: Chain) -> None:
    asset, batch = "diagnosis/predictions", "beta"
    result = complete.run("predict_batch", batch)
    assert result.success
    (made,) = [
        event.step_materialization_data.materialization
        for event in result.all_events
        if event.is_step_materialization
        and event.step_materialization_data.materialization.asset_key.to_user_string() == asset
    ]
    link = str(made.metadata["input manifest"].value)
    page = Path(unquote(urlsplit(link).path))
    text = page.read_text(encoding="utf-8")
    version = complete.one(
        "SELECT data_version FROM asset_versions WHERE is_current"
        f" AND asset = '{asset}' AND partition = '{batch}'"
    )
    assert str(version) in text
    assert text.count("<dt>started</dt><dd>20") == text.count("<dt>ended</dt><dd>20") > 5
    for file, sha256 in complete.catalogue.query("SELECT grn, grn_sha256 FROM samples").iter_rows():
        assert f"{file} <code>{sha256}</code>" in text
    for patient in complete.catalogue.query("SELECT patient_id FROM samples")["patient_id"]:
        assert patient not in text
