from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models import MODELS, TrainingSet, neural_network
from cup_assets.classify.models.linear import row_space
from cup_assets.classify.models.neural_network import Network, watched_rows
from cup_assets.classify.models.training_loop import train
from cup_assets_tests.classify.synthetic import QUICK, cohort

CANDIDATE = {"hidden": 16, "dropout": 0.25}


def _training(n: int = 120, p: int = 500) -> TrainingSet:
    data = cohort(n=n, p=p, missing=0)
    groups = np.unique(data.patient, return_inverse=True)[1]
    return TrainingSet(data.X, np.unique(data.y, return_inverse=True)[1], 4, groups)


def _targets(codes: np.ndarray) -> np.ndarray:
    return np.eye(4)[codes]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=2, max_size=40))
def test_early_stopping_watches_whole_patients_and_leaves_every_class_something(
    samples: list[tuple[int, int]],
) -> None:
    codes, groups = np.array(samples, dtype=np.int64).T
    part = TrainingSet(np.zeros((len(codes), 1), dtype=np.float32), codes, 4, groups)
    watched = watched_rows(part, seed=1)
    assert not set(groups[watched]) & set(groups[~watched])
    assert set(codes[~watched]) == set(codes)


def test_of_every_class_of_several_patients_some_are_watched() -> None:
    training = _training()
    watched = watched_rows(training, seed=1)
    # 15 patients of two samples a class: two patients.
    assert np.bincount(training.codes[watched]).tolist() == [4, 4, 4, 4]
    other = watched_rows(training, seed=2)
    assert (other != watched).any()


def test_training_ends_when_the_loss_of_the_watched_samples_no_longer_falls() -> None:
    training = _training()
    inputs = row_space(training.features).rotated * 10
    right, noise = _targets(training.codes), _targets(np.random.default_rng(1).permutation(120) % 4)
    given = (inputs[::2], right[::2], CANDIDATE, QUICK, 1)
    learnt = train(*given, epochs=60, watched=(inputs[1::2], right[1::2]))
    misled = train(*given, epochs=60, watched=(inputs[1::2], noise[1::2]))
    assert misled.epochs < 10 < learnt.epochs

    def loss(epochs: int) -> float:
        net = train(*given, epochs=epochs)
        hidden = np.maximum(inputs[1::2] @ net.first + net.first_bias, 0)
        logits = hidden @ net.second + net.second_bias
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return -float((noise[1::2] * np.log(scores)).sum())

    around = [loss(epochs) for epochs in range(1, misled.epochs + 4)]
    assert int(np.argmin(around)) + 1 == misled.epochs


def test_the_network_is_trained_on_all_samples_for_the_epochs_that_were_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def recorded(inputs: np.ndarray, *given: object, **named: object) -> object:
        found = train(inputs, *given, **named)  # type: ignore[arg-type]
        calls.append((len(inputs), named["watched"] is not None, named["epochs"], found.epochs))
        return found

    monkeypatch.setattr(neural_network, "train", recorded)
    unlearnable = replace(_training(), codes=np.random.default_rng(1).permutation(120) % 4)
    MODELS["neural_network"].fit(unlearnable, [CANDIDATE], QUICK, 1)
    (first, watched, most, found), (second, again, taken, _) = calls
    assert (watched, most) == (True, QUICK.network_epochs)
    assert (second, again, taken) == (120, False, found)
    assert first < 120
    assert found < most


@pytest.mark.parametrize(("n", "p"), [(60, 300), (120, 40)])
def test_the_network_of_the_probes_is_the_one_that_pytorch_trained(
    n: int, p: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def recorded(*given: object, **named: object) -> object:
        trained.append(train(*given, **named))  # type: ignore[arg-type]
        return trained[-1]

    monkeypatch.setattr(neural_network, "train", recorded)
    training = _training(n, p)
    (model,) = MODELS["neural_network"].fit(training, [CANDIDATE], QUICK, 1)
    net = trained[-1]
    rotated = row_space(training.features).rotated * 10
    hidden = np.maximum(rotated @ net.first + net.first_bias, 0)
    logits = hidden @ net.second + net.second_bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.scores(training.features), expected, atol=1e-5)


@pytest.mark.parametrize("lonely", [0, 3])
def test_a_class_of_one_patient_is_learnt_though_none_of_it_is_watched(lonely: int) -> None:
    training = _training()
    assert training.groups is not None
    own = np.flatnonzero(training.codes == lonely)[:2]
    rows = np.union1d(np.flatnonzero(training.codes != lonely), own)
    part = TrainingSet(training.features[rows], training.codes[rows], 4, training.groups[rows])
    assert lonely not in part.codes[watched_rows(part, seed=1)]
    (model,) = MODELS["neural_network"].fit(part, [CANDIDATE], QUICK, 1)
    assert (model.scores(training.features[own]).argmax(axis=1) == lonely).all()


def test_new_samples_are_scored_without_pytorch() -> None:
    import subprocess
    import sys

    program = (
        "import sys, numpy as np\n"
        "from cup_assets.classify.models.neural_network import Network\n"
        "w = np.ones((3, 2), dtype=np.float32)\n"
        "Network(w, np.zeros(2), w.T.copy(), np.zeros(3)).scores(w.T)\n"
        "assert 'torch' not in sys.modules"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_scores_follow_the_formula() -> None:
    model = Network(
        np.array([[1.0, -1.0]], dtype=np.float32),
        np.array([0.0, 0.5]),
        np.array([[2.0, 0.0], [0.0, 3.0]], dtype=np.float32),
        np.array([0.0, 0.1]),
    )
    # Hidden 0.25 and 0.25: logits 0.5 and 0.85.
    expected = np.exp([0.5, 0.85]) / np.exp([0.5, 0.85]).sum()
    scores = model.scores(np.array([[0.25]], dtype=np.float32))
    np.testing.assert_allclose(scores, [expected], atol=1e-12)


def test_a_heavier_class_is_chosen_more_often() -> None:
    training = _training()
    inputs = np.random.default_rng(1).normal(size=(120, 5))
    targets = _targets(training.codes)
    heavy = train(inputs, targets * [1, 1, 1, 9], CANDIDATE, QUICK, 1, epochs=10)
    even = train(inputs, targets, CANDIDATE, QUICK, 1, epochs=10)

    def shares(net: object) -> float:
        hidden = np.maximum(inputs @ net.first + net.first_bias, 0)  # type: ignore[attr-defined]
        logits = hidden @ net.second + net.second_bias  # type: ignore[attr-defined]
        return float((logits.argmax(axis=1) == 3).mean())

    assert shares(heavy) > 0.9 > 0.7 > shares(even)


def test_training_leaves_pytorch_as_it_found_it() -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.manual_seed(5)
    train(np.ones((8, 2)), np.eye(4)[np.arange(8) % 4], CANDIDATE, QUICK, 1, epochs=2)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    parameters = replace(QUICK, network_device="cuda")
    with pytest.raises(ClassifyError, match="sees no GPU: use 'cpu'"):
        MODELS["neural_network"].fit(_training(), [CANDIDATE], parameters, 1)
