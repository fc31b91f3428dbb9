"""How large a method's network is: weights, statistics and operations, counted and not quoted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from torch import nn

from openmer.errors import ConfigError
from openmer.methods import Method
from openmer.reports import PublishedResult, Table
from openmer.reproduction._rows import Changes, row_method
from openmer.reproduction._study import Study
from openmer.training import build_network, flops_of_modules


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSize:
    """The size of a network.

    Attributes:
        input_shape: ``(channels, height, width)`` it was counted at.
        parameters: Trained numbers.
        statistics: Running means and variances of batch norms, one each per channel.
        macs: Multiply-accumulates of one input, of convolutions and matrix products.
        parts: The same of each part that the model is made of, by its name in the code.
    """

    input_shape: tuple[int, int, int]
    parameters: int
    statistics: int
    macs: int
    parts: Mapping[str, ModelSize] = field(default_factory=dict)


def model_size(method: Method) -> ModelSize:
    """Count a method's network at the input that its recipe makes."""
    size = method.steps.size
    if size is None:
        raise ConfigError(
            f"{method.name} has no fixed input size to count at. Choose a method whose recipe ends "
            "in a size."
        )
    shape = (method.steps.channels, size, size)
    classes = max(2, len(method.scheme.classes))
    network = build_network(method.network_spec(classes, shape), seed=0)
    macs = flops_of_modules(network, shape)
    model = network[1]
    return _size(
        network,
        shape,
        macs[""] // 2,
        {name: _size(part, shape, macs[f"1.{name}"] // 2) for name, part in model.named_children()},
    )


def _size(
    module: nn.Module,
    input_shape: tuple[int, int, int],
    macs: int,
    parts: Mapping[str, ModelSize] = MappingProxyType({}),
) -> ModelSize:
    return ModelSize(
        input_shape=input_shape,
        parameters=sum(weight.numel() for weight in module.parameters()),
        statistics=sum(
            value.numel() for name, value in module.named_buffers() if "running_" in name
        ),
        macs=macs,
        parts=parts,
    )


def size_table(study: Study, changes: Changes | None = None) -> Table:
    """Build the table of a study of kind ``size``."""
    columns = ["", "input", "weights", "BN stats", "sum", "MACs"]
    columns += ["2 x weights"] * study.per_weight + ["printed", "MACs, printed"]
    rows: list[tuple[str, ...]] = []
    for row in study.rows:
        printed = _printed(study.published(row))
        if not row.run:
            rows.append((row.label, *["-"] * (len(columns) - 3), *printed))
            continue
        size = model_size(row_method(study, row, changes))
        shape = "x".join(map(str, size.input_shape))
        rows.append((row.label, shape, *_counts(size, study), *printed))
        if row.parts:
            rows += [(f"- {name}", "", *_counts(part, study), "", "")
                     for name, part in size.parts.items()]  # fmt: skip
    notes = [study.note] * bool(study.note)
    notes.append(
        "BN stats: running means and variances of batch norm. MACs: multiply-accumulates of one "
        "input, counted in convolutions and matrix products."
    )
    title = f"{study.title} ({study.source})"
    return Table(title, tuple(columns), tuple(rows), tuple(notes))


def _printed(result: PublishedResult | None) -> tuple[str, str]:
    """Write the printed numbers of weights and operations."""
    weights = result and result.parameters
    macs = result and result.macs
    return f"{weights:,}" if weights else "-", f"{macs / 1e6:,.1f} M" if macs else "-"


def _counts(size: ModelSize, study: Study) -> tuple[str, ...]:
    """Weights, statistics, their sum and operations."""
    counts = (
        f"{size.parameters:,}",
        f"{size.statistics:,}",
        f"{size.parameters + size.statistics:,}",
        f"{size.macs / 1e6:,.1f} M",
    )
    return (*counts, f"{2 * size.parameters / 1e6:,.2f} M") if study.per_weight else counts
