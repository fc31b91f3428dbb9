"""ONNX in 8-bit integers: smaller and mostly faster, with its measured agreement."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import lazy_loader
import numpy as np
from numpy.typing import NDArray

from openmer.deployment._export import INPUT, MARK, OUTPUT, export_model, generated_inputs
from openmer.deployment._fitted import FittedModel
from openmer.errors import ConfigError, DataError, OpenMERError
from openmer.files import require_own, temporary_folder, writing_file

if TYPE_CHECKING:
    import onnx
    import onnxruntime
else:
    onnx, onnxruntime = map(lazy_loader.load, ("onnx", "onnxruntime"))

FloatArray = NDArray[np.float32]

LEAST_SAME = 0.98  # share of compared clips that keep their class

_LOOKED_AT = 8  # calibrating clips on which it is measured which layers lose most
_SMALL = 0.05  # share of work and weights that the smallest layers have, which are left exact
_FARTHER = 4  # so many times as far scores could move while calibrating clips keep their class
_MOST_CALIBRATED = 64  # clips; more hardly move the ranges
_GENERATED = 64  # inputs to compare on where there are no clips
_PRODUCTS = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantized:
    """A written ONNX file whose convolutions and matrix products are 8-bit.

    Attributes:
        path: The file.
        bytes: Its size.
        exact_bytes: Size of the file in float32 that it was made from.
        kind: ``static``: ranges of all values were measured on clips. ``dynamic``: of matrix
            products only, each time again; convolutions stay float32.
        calibrated: Clips that the ranges were measured on.
        left_exact: Layers that stay float32 because they lose most; no more than the calibrating
            clips need to keep their class.
        compared: Other clips, or generated inputs, that both files scored.
        on_clips: Whether these were clips.
        same_class: Share of them whose class of largest score is the same.
        largest_difference: Between both files, over all scores.
    """

    path: Path
    bytes: int
    exact_bytes: int
    kind: Literal["static", "dynamic"]
    calibrated: int
    left_exact: int
    compared: int
    on_clips: bool
    same_class: float
    largest_difference: float


def quantize_model(
    model: FittedModel, path: Path, clips: FloatArray | None, *, least_same: float = LEAST_SAME
) -> Quantized:
    """Write a fitted model as ONNX in 8-bit integers; input, output and metadata as exported.

    Args:
        model: The model.
        path: The file to write or replace, whole or not at all.
        clips: Prepared clips, ``(clips, *input_shape)``: some calibrate, the others are compared.
            None: matrix products alone become 8-bit, and generated inputs are compared.
        least_same: Share of compared clips that have to keep their class.

    Raises:
        ConfigError: There is nothing that could become 8-bit, or the packages of the extra
            ``export`` are missing.
        DataError: There are fewer than two clips, or of another shape.
        OpenMERError: As `export_model`; or too many clips change their class. No file is written.
    """
    if model.method.model is None:
        raise ConfigError(
            f"The model of {model.record.method} is a support vector machine, which has no layer "
            "to make 8-bit. Leave --int8 out."
        )
    shape = model.record.input_shape
    if clips is not None and clips.shape[1:] != shape:
        raise DataError(f"The model takes clips of shape {shape}, found {clips.shape[1:]}.")
    with temporary_folder("openmer-export") as folder:
        exact = folder / "exact.onnx"
        export_model(model, exact)
        return quantize_file(exact, path, clips, least_same=least_same)


def quantize_file(
    exact: Path, path: Path, clips: FloatArray | None, *, least_same: float = LEAST_SAME
) -> Quantized:
    """As `quantize_model`, of a file that `export_module` wrote.

    Raises:
        ConfigError: As `quantize_model`.
        DataError: There are fewer than two clips.
        OpenMERError: Too many clips change their class. No file is written.
    """
    require_own({path: MARK})
    calibrating, compared = _shared_out(exact, clips)
    with writing_file(path) as temporary:
        left_exact = _write(exact, temporary, calibrating, least_same)
        expected, found = _scores(exact, compared), _scores(temporary, compared)
        quantized = Quantized(
            path=path,
            bytes=0,
            exact_bytes=exact.stat().st_size,
            kind="dynamic" if clips is None else "static",
            calibrated=len(calibrating),
            left_exact=left_exact,
            compared=len(compared),
            on_clips=clips is not None,
            same_class=float(np.mean(expected.argmax(1) == found.argmax(1))),
            largest_difference=float(np.abs(expected - found).max()),
        )
        _require_agreement(quantized, least_same)
        _tell_in_file(exact, temporary, quantized)
        size = temporary.stat().st_size
    return Quantized(**(asdict(quantized) | {"bytes": size}))


def _shared_out(exact: Path, clips: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Clips that calibrate, and those that are compared: a clip is never both."""
    if clips is None:
        shape, high = _input_of(exact)
        made = generated_inputs(np.random.default_rng(1), (_GENERATED, *shape), high)
        return made[:0], made
    if len(clips) < 2:
        raise DataError(
            f"Found {len(clips)} clips, expected at least two: one to calibrate on, one to compare "
            "on. A hundred serve well."
        )
    order = np.random.default_rng(0).permutation(len(clips))
    count = min(len(clips) // 2, _MOST_CALIBRATED)
    return clips[np.sort(order[:count])], clips[np.sort(order[count:])]


def _write(exact: Path, path: Path, calibrating: FloatArray, least_same: float) -> int:
    """Write the 8-bit file; return how many layers were left exact."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with temporary_folder("openmer-quantize") as folder:
        prepared = folder / "prepared.onnx"
        quant_pre_process(exact, prepared, skip_symbolic_shape=True)
        nodes = _chosen(onnx.load(prepared), static=bool(len(calibrating)))
        if len(calibrating):
            return _write_static(prepared, path, nodes, calibrating, least_same)
        quantization.quantize_dynamic(
            prepared,
            path,
            op_types_to_quantize=["MatMul"],
            # A Gemm is made a MatMul and an Add first.
            nodes_to_quantize=[*nodes, *(f"{name}_MatMul" for name in nodes)],
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
    return 0


def _write_static(
    prepared: Path, path: Path, nodes: list[str], calibrating: FloatArray, least_same: float
) -> int:
    """Leave as few layers exact as the calibrating clips need to keep their class.

    They have to keep it with room to spare, even if their scores moved `_FARTHER` times as far:
    they are few, and they have set the ranges.
    """
    ranges = _ranges(prepared, calibrating)
    expected = _scores(prepared, calibrating)
    ranked: list[str] = []
    counts: list[int] = [0, 1, *range(2, 3 * len(nodes) // 4 + 1, 2)]
    count = 0
    for count in counts[: len(nodes)]:
        if count and not ranked:
            ranked = _losing_most(prepared, path, nodes, ranges, calibrating[:_LOOKED_AT])
        _write_chosen(
            prepared, path, [name for name in nodes if name not in ranked[:count]], ranges
        )
        farther = expected + _FARTHER * (_scores(path, calibrating) - expected)
        if np.mean(farther.argmax(1) == expected.argmax(1)) >= least_same:
            break
    return count


def _ranges(prepared: Path, clips: FloatArray) -> object:
    """Measure the smallest and the largest value around every product."""
    from onnxruntime.quantization import calibrate

    with temporary_folder("openmer-quantize") as folder:
        calibrator = calibrate.create_calibrator(
            prepared, list(_PRODUCTS), augmented_model_path=str(folder / "augmented.onnx")
        )
        calibrator.collect_data(_reader(clips))
        return calibrator.compute_data()


def _write_chosen(prepared: Path, path: Path, chosen: list[str], ranges: object) -> None:
    """Write the file in which some products alone are 8-bit.

    What stands between them stays float32: sums, activations and means cost as much in integers,
    and lose more.
    """
    from onnxruntime import quantization

    quantizer = quantization.QDQQuantizer(
        onnx.load(prepared),
        tensors_range=ranges,
        activation_qType=quantization.QuantType.QUInt8,
        op_types_to_quantize=list(_PRODUCTS),
        nodes_to_quantize=chosen,
        nodes_to_exclude=[],
        weight_qType=quantization.QuantType.QInt8,
        per_channel=True,
        reduce_range=True,  # 7 bits: processors without VNNI would overflow with 8
        extra_options={"OpTypesToExcludeOutputQuantization": list(_PRODUCTS[1:])},
    )
    quantizer.quantize_model()
    quantizer.model.save_model_to_file(str(path), False)


def _losing_most(
    prepared: Path, path: Path, nodes: list[str], ranges: object, clips: FloatArray
) -> list[str]:
    """Sort layers by how far scores move where that one alone is 8-bit, the farthest first."""
    expected, moved = _scores(prepared, clips), {}
    for name in nodes:
        _write_chosen(prepared, path, [name], ranges)
        moved[name] = float(np.abs(_scores(path, clips) - expected).mean())
    return sorted(nodes, key=lambda name: (-moved[name], name))


def _reader(clips: FloatArray) -> object:
    """Clips one by one, as the calibration asks for them."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
        def __init__(self) -> None:
            self.left: Iterator[FloatArray] = iter(clips)

        def get_next(self) -> dict[str, FloatArray] | None:
            clip = next(self.left, None)
            return None if clip is None else {INPUT: clip[None]}

    return Reader()


def _chosen(model: onnx.ModelProto, *, static: bool) -> list[str]:
    """Names of the nodes that become 8-bit.

    Products with fixed weights, but the last one, on which the scores hang, and of convolutions and
    linear layers around them the smallest, which together have a twentieth of work and weights.
    Products of two computed values, as in attention, and everything in double precision, as in a
    support vector machine, stay as they are.
    """
    graph = model.graph
    values = {value.name: value.type.tensor_type for value in graph.value_info}
    fixed = {one.name: math.prod(one.dims) for one in graph.initializer}
    last = next((n.name for n in reversed(graph.node) if n.op_type in _PRODUCTS), "")
    asked = _PRODUCTS if static else _PRODUCTS[1:]
    work = {
        node.name: fixed[node.input[1]] * _places(node, values[node.output[0]])
        for node in graph.node
        if node.op_type in asked
        and node.input[1] in fixed
        and node.name != last
        and node.output[0] in values
        and values[node.output[0]].elem_type == onnx.TensorProto.FLOAT
    }
    if not work:
        raise ConfigError(
            "There is no convolution or linear layer before the last one that could become 8-bit."
            if static
            else "Without clips only linear layers become 8-bit, and this network has none before "
            "its last one. Give clips to calibrate on: --manifest clips.csv"
        )
    if not static:
        return list(work)
    weights = {node.name: fixed[node.input[1]] for node in graph.node if node.name in work}
    share = {
        name: max(work[name] / sum(work.values()), weights[name] / sum(weights.values()))
        for name in work
    }
    smallest = sorted(share, key=share.__getitem__)
    below = np.cumsum([share[name] for name in smallest]) <= _SMALL
    small = {name for name, is_small in zip(smallest, below, strict=True) if is_small}
    return [name for name in work if name not in small]


def _places(node: onnx.NodeProto, made: onnx.TypeProto.Tensor) -> int:
    """Count how often each weight of a product is used for one clip."""
    sizes = made.shape.dim[2:] if node.op_type == "Conv" else made.shape.dim[:-1]
    # What depends on the batch is written as "1024*batch".
    written = [size.dim_param or str(size.dim_value) for size in sizes]
    return math.prod(int(found) for text in written for found in re.findall(r"\d+", text))


def _scores(path: Path, clips: FloatArray) -> FloatArray:
    """Scores of each clip alone, ``(clips, classes)``."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rows = [session.run([OUTPUT], {INPUT: clips[i : i + 1]})[0] for i in range(len(clips))]
    return np.concatenate(rows)


def _input_of(path: Path) -> tuple[tuple[int, ...], float]:
    """Shape of one clip, and the largest value that an exported file is checked with."""
    model = onnx.load(path)
    (given,) = model.graph.input
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    shape = tuple(size.dim_value for size in given.type.tensor_type.shape.dim)[1:]
    return shape, float(metadata["largest_input"])


def _require_agreement(made: Quantized, least_same: float) -> None:
    if made.same_class >= least_same and np.isfinite(made.largest_difference):
        return
    what = "clips" if made.on_clips else "generated inputs"
    raise OpenMERError(
        f"In 8-bit integers {made.same_class:.1%} of {made.compared} {what} keep their class, "
        f"expected at least {least_same:.0%}; scores differ by up to "
        f"{made.largest_difference:.2g}. No file was written. Give more clips to calibrate on, or "
        "export without --int8."
    )


def _tell_in_file(exact: Path, path: Path, quantized: Quantized) -> None:
    """Add what was measured to the metadata of the exact file."""
    entries = onnx.load(exact).metadata_props
    kept = {entry.key: entry.value for entry in entries}
    measured = {
        key: value for key, value in asdict(quantized).items() if key not in ("path", "bytes")
    }
    model = onnx.load(path)
    model.producer_name = MARK
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, kept | {"int8": json.dumps(measured)})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
