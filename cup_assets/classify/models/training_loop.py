"""Training of a network with one hidden layer by PyTorch, through skorch.

Belongs here: optimiser, batches, early stopping, and what makes a run repeatable. Does not belong
here: what the inputs are and what becomes of the weights (`neural_network`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from cup_assets.classify.data import Features, Floats
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models.base import Candidate
from cup_assets.classify.parameters import EvaluationParameters

_BATCH = 32
_RATE = 2e-3
_DECAY = 1e-3
# Epochs without a lower loss after which no lower one is waited for.
_PATIENCE = 8


@dataclass(frozen=True, eq=False)
class Trained:
    """Weights float64[r, h], [h], [h, m] and [m], and the epochs that they took."""

    first: Floats
    first_bias: Floats
    second: Floats
    second_bias: Floats
    epochs: int


def train(
    inputs: Floats,
    targets: Floats,
    candidate: Candidate,
    parameters: EvaluationParameters,
    seed: int,
    *,
    epochs: int,
    watched: tuple[Floats, Floats] | None = None,
) -> Trained:
    """Minimise the cross entropy of ``targets``, the same bits for the same arguments on a CPU.

    Parameters
    ----------
    inputs : float64[n, r]
    targets : float64[n, m]
        A sample's weight in the column of its class, 0 elsewhere.
    candidate
        ``hidden`` units and ``dropout``, the share of inputs left out of a step; half as many
        hidden units are.
    epochs
        Passes over the samples; at most so many where ``watched`` is given.
    watched
        Inputs and targets of samples not learnt from: training ends when their loss no longer
        falls, and ``epochs`` of the result is where it was least.
    """
    import torch
    from skorch import NeuralNet
    from skorch.callbacks import EarlyStopping
    from skorch.dataset import Dataset
    from skorch.helper import predefined_split

    with _repeatable(seed, parameters.network_device):
        hidden, dropout = int(candidate["hidden"]), candidate["dropout"]
        module = torch.nn.Sequential(
            torch.nn.Dropout(dropout),
            torch.nn.Linear(inputs.shape[1], hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout / 2),
            torch.nn.Linear(hidden, targets.shape[1]),
        )
        callbacks = [EarlyStopping(patience=_PATIENCE, sink=lambda _: None)] if watched else []
        net = NeuralNet(
            module,
            torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            lr=_RATE,
            optimizer__weight_decay=_DECAY,
            max_epochs=epochs,
            batch_size=_BATCH,
            iterator_train=_Batches,
            iterator_train__shuffle=True,
            iterator_valid=_Batches,
            iterator_valid__batch_size=-1,
            train_split=predefined_split(Dataset(*map(_single, watched))) if watched else None,
            callbacks=callbacks,
            callbacks__print_log=None,
            device=parameters.network_device,
            verbose=0,
        )
        net.fit(_single(inputs), _single(targets))
        if watched:
            epochs = 1 + int(np.argmin(net.history[:, "valid_loss"]))
        weights = [value.detach().cpu().double().numpy() for value in net.module_.parameters()]
    return Trained(weights[0].T, weights[1], weights[2].T, weights[3], epochs)


class _Batches:
    """Batches cut from whole arrays: PyTorch's own loader collects them sample by sample."""

    def __init__(self, dataset: Any, batch_size: int, shuffle: bool = False) -> None:
        self.dataset, self.size, self.shuffle = dataset, batch_size, shuffle

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        import torch

        n = len(self.dataset)
        order = torch.randperm(n) if self.shuffle else torch.arange(n)
        X, y = torch.from_numpy(self.dataset.X), torch.from_numpy(self.dataset.y)
        for rows in order.split(self.size):
            yield X[rows], y[rows]


def _single(values: Floats) -> Features:
    return np.ascontiguousarray(values, dtype=np.float32)


@contextmanager
def _repeatable(seed: int, device: str) -> Iterator[None]:
    """Seed PyTorch and keep it to one thread; leave both as they were found."""
    import torch

    if device != "cpu" and not torch.cuda.is_available():
        raise ClassifyError(f"network_device is {device!r}, but PyTorch sees no GPU: use 'cpu'")
    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
