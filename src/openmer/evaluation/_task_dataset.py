"""A prepared task for one's own PyTorch loop, with the folds of its protocol."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from openmer.evaluation._experiment import Task
from openmer.evaluation._splits import Fold


class TaskDataset(Dataset[tuple[Tensor, ...]]):
    """The prepared clips of a task, in its order.

    An item is the input, float32 of shape ``(channels, height, width)``, and the class index;
    behind them the targets of action units, where the method has some.

    Args:
        task: From `prepare_task`.

    Example:
        task = prepare_task(load_method("ststnet"), clips, protocol=Protocol(folds="kfold:5"))
        dataset = TaskDataset(task)
        for fold in task.folds:
            train, test = dataset.split(fold)
    """

    def __init__(self, task: Task) -> None:
        data = task.data
        arrays = [data.inputs, data.targets, *(() if data.units is None else (data.units,))]
        self._columns = [torch.tensor(array) for array in arrays]
        self.subjects = task.subjects

    def __len__(self) -> int:
        return len(self.subjects)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(column[index] for column in self._columns)

    def split(self, fold: Fold) -> tuple[Subset[tuple[Tensor, ...]], Subset[tuple[Tensor, ...]]]:
        """Return what a fold trains on, and what it tests."""
        return Subset(self, fold.train), Subset(self, fold.test)
