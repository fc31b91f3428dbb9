"""How long a network takes for one clip, in every runtime that is installed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import lazy_loader
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from openmer.deployment._export import export_module
from openmer.errors import ConfigError
from openmer.files import temporary_folder
from openmer.methods import Method
from openmer.training import build_network, forward_flops

if TYPE_CHECKING:
    import onnxruntime
else:
    onnxruntime = lazy_loader.load("onnxruntime")

PYTORCH, ONNX_RUNTIME, OPENVINO = "PyTorch", "ONNX Runtime", "OpenVINO"
CALLS_A_TURN = 5
_WARM = 3  # untimed calls before them


@dataclass(kw_only=True)
class TimedCall:
    """One way to run a network on one clip, and how long its calls took.

    Attributes:
        runtime: "PyTorch", "ONNX Runtime" or "OpenVINO".
        threads: How many it may use.
        call: Runs the network once.
        times_ms: Milliseconds of each timed call so far.
    """

    runtime: str
    threads: int
    call: Callable[[], object]
    times_ms: list[float] = field(default_factory=list)

    def turn(self) -> None:
        """Make a few untimed calls, then timed ones."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads if self.runtime == PYTORCH else 1)
        for _ in range(_WARM):
            self.call()
        for _ in range(CALLS_A_TURN):
            started = time.perf_counter_ns()
            self.call()
            self.times_ms.append((time.perf_counter_ns() - started) / 1e6)
        torch.set_num_threads(before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long the network of one method takes for one prepared clip.

    Attributes:
        method: Name of the method.
        title: Title of the method.
        input_shape: ``(channels, height, width)``.
        parameters: Trained numbers.
        macs: Multiply-accumulates of one clip.
        times_ms: Milliseconds of each timed call, by runtime and number of threads.
    """

    method: str
    title: str
    input_shape: tuple[int, int, int]
    parameters: int
    macs: int
    times_ms: dict[tuple[str, int], NDArray[np.float64]]


def measure_latency(
    methods: Sequence[Method],
    *,
    rounds: int = 20,
    threads: Sequence[int] = (1, 2),
    on_progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Latency, ...]:
    """Time the networks of methods at batch 1, from a prepared clip to the scores of its classes.

    Finding and aligning a face is not in it. All networks, runtimes and numbers of threads take
    turns, in another order in each round, so that a busy moment of the machine hurts all alike.
    Weights are random: they do not change the time.

    Args:
        methods: Methods with a network and a fixed input size.
        rounds: How many times all take their turn; five timed calls each.
        threads: Numbers of threads to try.
        on_progress: Called with "time", rounds done and rounds in all.

    Raises:
        ConfigError: A method has no network, or its recipe leaves the size to the frames.
    """
    modules = [(method, *network_of(method)) for method in methods]
    with temporary_folder("openmer-latency") as folder:
        calls = []
        for number, (_, module, shape) in enumerate(modules):
            path = folder / f"{number}.onnx"
            export_module(module, shape, path)
            calls.append(list(timed_calls(module, path, _clip(shape), threads)))
        every = [call for own in calls for call in own]
        generator = np.random.default_rng(0)
        for done in range(rounds):
            for place in generator.permutation(len(every)):
                every[place].turn()
            if on_progress is not None:
                on_progress("time", done + 1, rounds)
    return tuple(
        Latency(
            method=method.name,
            title=method.title,
            input_shape=shape,
            parameters=sum(w.numel() for w in module.parameters() if w.requires_grad),
            macs=forward_flops(module, shape) // 2,
            times_ms={(one.runtime, one.threads): np.array(one.times_ms) for one in own},
        )
        for (method, module, shape), own in zip(modules, calls, strict=True)
    )


def quartiles_ms(latency: Latency, way: tuple[str, int]) -> tuple[float, float, float]:
    """Return the quartiles of the calls of a runtime with a number of threads."""
    low, middle, high = np.percentile(latency.times_ms[way], [25, 50, 75])
    return float(low), float(middle), float(high)


def network_of(method: Method) -> tuple[nn.Module, tuple[int, int, int]]:
    """Build a method's network with random weights; also return the shape of one clip."""
    size = method.steps.size
    if method.model is None or size is None:
        raise ConfigError(
            f"{method.name} has no network with an input of fixed size, so there is nothing to "
            "time. Choose one that has (see `openmer methods`)."
        )
    shape = (method.steps.channels, size, size)
    classes = max(2, len(method.scheme.classes))
    network = build_network(method.network_spec(classes, shape), seed=0)
    return nn.Sequential(network, nn.Softmax(1)).eval(), shape


def timed_calls(
    module: nn.Module, path: Path, clip: Tensor, threads: Sequence[int]
) -> Iterator[TimedCall]:
    """Yield a call of every runtime that is installed, for each number of threads.

    Args:
        module: The network, in evaluation mode.
        path: The same as an ONNX file.
        clip: One clip, ``(1, channels, height, width)``.
        threads: Numbers of threads; those above the number of cores are left out.
    """
    for count in sorted({min(one, os.cpu_count() or 1) for one in threads}):
        yield TimedCall(runtime=PYTORCH, threads=count, call=torch_call(module, clip))
        yield TimedCall(runtime=ONNX_RUNTIME, threads=count, call=onnx_call(path, clip, count))
        if find_spec("openvino") is not None:
            yield TimedCall(runtime=OPENVINO, threads=count, call=_openvino_call(path, clip, count))


def onnx_call(path: Path, clip: Tensor, threads: int) -> Callable[[], object]:
    """Return a call that runs an ONNX file on a clip."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Idle threads of one session would otherwise spin beside the turn of the next one.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: clip.numpy()}
    return lambda: session.run(None, inputs)


def torch_call(module: nn.Module, clip: Tensor) -> Callable[[], object]:
    """Return a call that runs a network on a clip."""

    def call() -> object:
        with torch.inference_mode():
            return module(clip)

    return call


def _openvino_call(path: Path, clip: Tensor, threads: int) -> Callable[[], object]:
    import openvino  # type: ignore[import-not-found]

    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(str(path), "CPU", options)
    pixels = clip.numpy()
    return lambda: compiled(pixels)


def _clip(shape: tuple[int, int, int]) -> Tensor:
    """Make noise of a clip's shape, in 0..255."""
    return 255 * torch.rand((1, *shape), generator=torch.Generator().manual_seed(0))
