"""ONNX: the same scores outside of Python, checked before the file gets its name."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import lazy_loader
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from openmer.deployment._fitted import FittedModel
from openmer.errors import ConfigError, OpenMERError
from openmer.files import require_own, writing_file
from openmer.training import DecisionFunction

if TYPE_CHECKING:
    import onnx
    import onnxruntime
else:
    onnx, onnxruntime = map(lazy_loader.load, ("onnx", "onnxruntime"))

INPUT, OUTPUT, MARK = "clip", "scores", "OpenMER"

_TOLERANCE = 1e-4
_NEEDED = ("onnx", "onnxruntime", "onnxscript")
_GLOBAL = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}
_BATCHES = (1, 3)  # the exporter sees two clips, so neither is the size that it was traced with


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A written ONNX file.

    Attributes:
        path: The file.
        bytes: Its size.
        largest_difference: Between ONNX Runtime and PyTorch, over all scores of the check.
    """

    path: Path
    bytes: int
    largest_difference: float


def export_model(model: FittedModel, path: Path) -> Exported:
    """Write a fitted model as ONNX, with classes, recipe and record in the file's metadata.

    The input ``clip`` is a prepared clip, ``(batch, channels, height, width)``, float32, with any
    batch; the output ``scores`` has shape ``(batch, classes)``.

    Args:
        model: The model.
        path: The file to write or replace, whole or not at all.

    Raises:
        ConfigError: The packages of the extra ``export`` are missing.
        OpenMERError: ONNX Runtime and PyTorch differ by more than 1e-4; no file is written.
    """
    metadata = {
        "classes": json.dumps(model.record.classes),
        "scores": model.record.meaning,
        "recipe": json.dumps(model.recipe.tables, sort_keys=True),
        "caution": model.record.caution,
        "record": model.record.model_dump_json(),
    }
    pixels = model.recipe.stretched or model.recipe.flow is None
    high = 255.0 if pixels else 3.0  # gray levels, or flow in pixels
    return export_module(
        model.module,
        model.record.input_shape,
        path,
        metadata=metadata,
        largest_input=high,
        examples=_support_vectors(model.module, model.record.input_shape),
    )


def export_module(
    module: nn.Module,
    input_shape: tuple[int, ...],
    path: Path,
    *,
    metadata: Mapping[str, str] | None = None,
    largest_input: float = 255.0,
    examples: NDArray[np.float32] | None = None,
) -> Exported:
    """Write any module in evaluation mode that takes one batch, and check the file.

    Args:
        module: ``(batch, *input_shape)`` to ``(batch, outputs)``, both float32.
        input_shape: Shape of one clip.
        path: As in `export_model`.
        metadata: Texts for the file.
        largest_input: The check draws its inputs from 0 to this.
        examples: Further inputs for the check, shape ``(clips, *input_shape)``.

    Raises:
        ConfigError: As `export_model`.
        OpenMERError: As `export_model`, or PyTorch cannot export the module.
    """
    _require_packages()
    require_own({path: MARK})
    with writing_file(path) as temporary:
        entries = {"largest_input": f"{largest_input:g}"} | dict(metadata or {})
        _write(module, input_shape, temporary, entries)
        rng = np.random.default_rng(0)
        checks = [generated_inputs(rng, (batch, *input_shape), largest_input) for batch in _BATCHES]
        checks += [] if examples is None else [examples]
        difference = _largest_difference(module, temporary, checks)
        if not difference <= _TOLERANCE:
            raise OpenMERError(
                f"ONNX Runtime and PyTorch differ by {difference:.2g}, more than {_TOLERANCE:g}. "
                "No file was written. Please report this with the method."
            )
    return Exported(path=path, bytes=path.stat().st_size, largest_difference=difference)


def generated_inputs(
    rng: np.random.Generator, shape: tuple[int, ...], high: float
) -> NDArray[np.float32]:
    """Noise of another strength and brightness in each clip, inside 0..high."""
    strength = rng.uniform(0.1, 1.0, (shape[0],) + (1,) * (len(shape) - 1))
    noise = rng.uniform(0, high, shape) * strength
    floor = rng.uniform(0, high, strength.shape) * (1 - strength)
    return (noise + floor).astype(np.float32)


def _require_packages() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"ONNX export needs {', '.join(_NEEDED)}, but {', '.join(missing)} is not installed. "
            "Install them with: pip install 'openmer[export]'"
        )


def _for_inference(module: nn.Module) -> nn.Module:
    """Copy a network and exchange every part that offers an equal, faster one."""
    exchanged = nn.Sequential(copy.deepcopy(module))
    for parent in list(exchanged.modules()):
        for name, child in parent.named_children():
            faster = getattr(child, "for_inference", None)
            if callable(faster):
                setattr(parent, name, faster())
    return exchanged.eval()


def _write(
    module: nn.Module, input_shape: tuple[int, ...], path: Path, metadata: Mapping[str, str]
) -> None:
    example = torch.zeros(2, *input_shape)
    try:
        program = torch.onnx.export(
            _for_inference(module),
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).partition("\n")[0]
        raise OpenMERError(f"PyTorch cannot export this model as ONNX: {reason}") from error
    if program is None:
        raise OpenMERError("PyTorch gave no ONNX model. Please report this.")
    proto = program.model_proto
    _pool_globally(proto.graph)
    proto.producer_name = MARK
    onnx.helper.set_model_props(proto, dict(metadata))
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def _pool_globally(graph: onnx.GraphProto) -> None:
    """Make a mean or maximum over rows and columns the operator of that name.

    ONNX Runtime takes it in the order of memory in which it keeps maps between convolutions.
    """
    fixed = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    told = [*graph.input, *graph.value_info]
    maps = {one.name for one in told if len(one.type.tensor_type.shape.dim) == 4}
    for node in graph.node:
        pooled = _GLOBAL.get(node.op_type)
        over = fixed.get(node.input[1]) if len(node.input) > 1 else None
        keeps = all(one.i == 1 for one in node.attribute if one.name == "keepdims")
        if pooled is None or over is None or not keeps or set(over % 4) != {2, 3}:
            continue
        if node.input[0] not in maps:
            continue
        node.op_type = pooled
        del node.input[1:], node.attribute[:]


def _largest_difference(
    module: nn.Module, path: Path, checks: Sequence[NDArray[np.float32]]
) -> float:
    """Largest absolute difference of an output between ONNX Runtime and PyTorch."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    differences = []
    for inputs in checks:
        (found,) = session.run([OUTPUT], {INPUT: inputs})
        with torch.inference_mode():
            expected = module(torch.from_numpy(inputs)).numpy()
        differences.append(float(np.abs(found - expected).max()))
    return float(np.max(differences))  # a nan stays a nan


def _support_vectors(module: nn.Module, input_shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Take some of them as inputs, a little moved; far from all of them nothing would show."""
    if not isinstance(module, DecisionFunction):
        return None
    rng = np.random.default_rng(0)
    chosen = (module.support * module.scale + module.mean).numpy()[::5][:16]
    moved = chosen + rng.normal(size=chosen.shape) * 0.1 * module.scale.numpy()
    inputs: NDArray[np.float32] = moved.astype(np.float32).reshape(-1, *input_shape)
    return inputs
