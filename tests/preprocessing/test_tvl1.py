"""TV-L1 on tensors against known motion, against OpenCV's, and the laws that flow must obey."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage import data

from openmer.errors import ConfigError, DataError
from openmer.preprocessing import optical_flow
from openmer.preprocessing.flow import _flow as flow_module
from openmer.preprocessing.flow import _tvl1_solver as solver
from openmer.preprocessing.flow._tvl1 import tvl1
from openmer.preprocessing.flow._tvl1_solver import Settings, Threads

FEW = settings(deadline=None, max_examples=6, derandomize=True)
SEEDS = st.integers(0, 10_000)


def texture(side: int, seed: int) -> np.ndarray:
    """A random texture of three scales, in 0..255."""
    rng = np.random.default_rng(seed)
    total = sum(s * gaussian_filter(rng.normal(size=(side, side)), s) for s in (1.5, 4, 10))
    return (total - total.min()) / np.ptp(total) * 255


def bumps(side: int, seed: int) -> np.ndarray:
    """Three local movements with peaks of 0.5 to 3 px and a shift of at most 0.3 px: (2, ...)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    motion = np.zeros((2, side, side)) + rng.uniform(-0.3, 0.3, size=(2, 1, 1))
    for _ in range(3):
        centre_y, centre_x = rng.uniform(0.2 * side, 0.8 * side, size=2)
        width, angle = rng.uniform(0.06, 0.12) * side, rng.uniform(0, 2 * np.pi)
        bump = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * width**2))
        peak_px = rng.uniform(0.5, 3.0)
        motion += peak_px * bump * np.array([np.cos(angle), np.sin(angle)])[:, None, None]
    return motion.astype(np.float32)


def moved_pair(
    image: np.ndarray, motion: np.ndarray, *, noise: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Frames in 0..255 with exactly that flow: the first is the image at where its pixels go."""
    side = motion.shape[1]
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    y, x = np.mgrid[:side, :side]
    first = map_coordinates(
        image, [y + top + motion[1], x + left + motion[0]], order=5, mode="mirror"
    )
    second = image[top : top + side, left : left + side]
    rng = np.random.default_rng(seed)
    noisy = (frame + noise * rng.normal(size=frame.shape) for frame in (first, second))
    first, second = (np.clip(frame, 0, 255).astype(np.float32) for frame in noisy)
    return first, second


def tensors(pair: tuple[np.ndarray, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    first, second = (torch.from_numpy(frame / np.float32(255))[None] for frame in pair)
    return first, second


def random_pair(seed: int, side: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """A textured pair in 0..1, of shape (1, side, side), that moves in some places."""
    return tensors(moved_pair(texture(side + 16, seed), bumps(side, seed)))


def gap(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Mean distance of two flows, in pixels."""
    return float((found - expected).norm(dim=1).mean())


def errors(found: np.ndarray, motion: np.ndarray) -> tuple[float, float]:
    """End-point error in pixels: of all pixels, and of those that move by half a pixel."""
    error = np.hypot(*(found - motion))
    return float(error.mean()), float(error[np.hypot(*motion) > 0.5].mean())


def photographs() -> list[np.ndarray]:
    """Free photographs and a texture, in 0..255, 160 x 160."""
    astronaut = data.astronaut() @ np.array([0.299, 0.587, 0.114])
    return [
        data.camera()[60:220, 140:300].astype(float),
        astronaut[20:180, 130:290],
        texture(160, 1),
    ]


def test_known_motion_is_found_better_than_by_opencv():
    """Mean end-point error at most 0.8 of that of OpenCV's TV-L1, and 0.7 where pixels move."""
    ours, opencv = [], []
    for place, (noise, image) in enumerate(
        (noise, image) for noise in (0.0, 1.5) for image in photographs()
    ):
        motion = bumps(128, place)
        first, second = moved_pair(image, motion, noise=noise, seed=place)
        if place % 2:
            second = np.clip(second * np.float32(1.01) + 1, 0, 255)
        ours.append(errors(optical_flow(first, second), motion))
        opencv.append(errors(optical_flow(first, second, method="tvl1-opencv"), motion))
    every, moving = np.mean(ours, axis=0) / np.mean(opencv, axis=0)
    assert every <= 0.8
    assert moving <= 0.7


def test_no_motion_is_no_flow():
    frame = random_pair(0)[0]
    assert tvl1(frame, frame).abs().max() < 1e-4


def test_frames_without_any_texture_have_finite_zero_flow():
    gray = torch.full((2, 20, 33), 0.5)
    black, white = torch.zeros_like(gray), torch.ones_like(gray)
    for first, second in ((gray, gray), (black, black), (white, white), (gray, white)):
        assert tvl1(first, second).abs().max() < 1e-3
    noise = torch.rand(2, 20, 33, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(tvl1(gray, noise)).all()


def test_a_change_of_light_is_no_motion():
    frame = texture(96, 2).astype(np.float32)[None] / 255
    slope = np.linspace(0.0, 0.04, 96, dtype=np.float32)
    flow = tvl1(torch.from_numpy(frame * 0.9), torch.from_numpy(frame * 0.9 + slope))
    assert flow.norm(dim=1).mean() < 0.05


@given(seed=SEEDS)
@FEW
def test_flipped_frames_have_flipped_flow(seed):
    first, second = random_pair(seed)
    expected = tvl1(first, second).flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
    # Differences look right and down, so the total variation has a direction, if barely.
    assert gap(tvl1(first.flip(-1), second.flip(-1)), expected) < 0.02


@given(seed=SEEDS)
@FEW
def test_transposed_frames_have_transposed_flow(seed):
    first, second = random_pair(seed)
    expected = tvl1(first, second).mT.flip(1)
    assert gap(tvl1(first.mT, second.mT), expected) < 1e-3


@given(seed=SEEDS)
@FEW
def test_frames_of_twice_the_size_have_twice_the_flow(seed):
    first, second = random_pair(seed)
    small = tvl1(first, second)
    larger = (
        F.interpolate(frame[None], scale_factor=2, mode="bicubic")[0].clamp(0, 1)
        for frame in (first, second)
    )
    shrunk = F.avg_pool2d(tvl1(*larger), 2) / 2
    assert gap(shrunk, small) < 0.1
    assert float((shrunk * small).sum() / (small * small).sum()) == pytest.approx(1, abs=0.1)


def test_a_pair_gives_the_same_bytes_in_any_batch_and_on_any_thread_count():
    pairs = [random_pair(seed) for seed in range(5)]
    first, second = (torch.cat(frames) for frames in zip(*pairs, strict=True))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        flow = tvl1(first, second)
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        for place, pair in enumerate(pairs):
            assert torch.equal(tvl1(*pair)[0], flow[place])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("shape", "threads"), [((130, 131), 2), ((200, 100), 3)])
def test_rows_shared_by_threads_give_the_same_bytes(monkeypatch, shape, threads):
    """Bands of rows, steps that are no multiple of the halo, and tensors of inference mode."""
    monkeypatch.setattr(solver, "_PIXELS_PER_BAND", 1 << 11)
    height, width = shape
    first, second = (one[:, :height, :width] for one in random_pair(4, side=max(shape)))
    before = torch.get_num_threads()
    shared = []
    bands = Threads.bands
    monkeypatch.setattr(Threads, "bands", lambda *call: shared.append(bands(*call)) or bands(*call))
    try:
        torch.set_num_threads(1)
        alone = tvl1(first, second, iterations=21)
        torch.set_num_threads(threads)
        with torch.inference_mode():
            together = tvl1(first, second, iterations=21)
    finally:
        torch.set_num_threads(before)
    assert threads in shared
    assert torch.equal(alone, together)


def test_pairs_taken_at_once_as_on_a_gpu_do_not_affect_each_other():
    pairs = [random_pair(seed) for seed in range(3)]
    first, second = (torch.cat(frames) for frames in zip(*pairs, strict=True))
    defaults = Settings(**tvl1.__wrapped__.__kwdefaults__)
    frames = torch.stack([first, second], dim=1)
    per_batch = solver._coarse_to_fine(frames, defaults, Threads(1))
    torch.testing.assert_close(per_batch, tvl1(first, second), rtol=0, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_flow_of_the_cpu():
    first, second = random_pair(0)
    flow = tvl1(first.cuda(), second.cuda())
    assert flow.is_cuda
    assert gap(flow.cpu(), tvl1(first, second)) < 1e-3


def test_single_precision_suffices():
    first, second = random_pair(3)
    exact = tvl1(first.double(), second.double())
    assert exact.dtype == torch.float64
    assert gap(tvl1(first, second).double(), exact) < 1e-3


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (33, 130)])
def test_a_shift_is_found_in_frames_of_any_size(size):
    height, width = size
    y, x = np.mgrid[:height, :width]
    image = texture(160, 5)
    first = map_coordinates(image, [y + 10 - 0.3, x + 10 + 0.6], order=5)
    pair = tensors((first.astype(np.float32), image[10 : 10 + height, 10 : 10 + width]))
    flow = tvl1(pair[0].float(), pair[1].float())
    assert flow.shape == (1, 2, height, width)
    shift = torch.tensor([0.6, -0.3]).view(1, 2, 1, 1).expand(-1, -1, height, width)
    assert gap(flow, shift) < 0.2


def test_the_parameters_do_what_they_say():
    first, second = random_pair(1)
    base = tvl1(first, second)
    smoother = tvl1(first, second, fidelity=2.0)
    assert smoother.diff(dim=-1).abs().sum() < base.diff(dim=-1).abs().sum()
    published = tvl1(first, second, huber=0.0, levels=5, warps=5)
    assert gap(published, base) < 0.2
    few = tvl1(first, second, levels=1, warps=1, iterations=1)
    assert not torch.equal(few, base)


def test_the_median_is_that_of_nine_pixels():
    planes = torch.rand(2, 2, 7, 9, generator=torch.Generator().manual_seed(0))
    padded = F.pad(planes, (1, 1, 1, 1), mode="replicate")
    nine = padded.unfold(-2, 3, 1).unfold(-2, 3, 1).flatten(-2)
    assert torch.equal(solver._median(planes), nine.median(dim=-1).values)


def test_no_gradients_are_kept_and_the_frames_are_left_alone():
    first, second = random_pair(0)
    before = first.clone()
    flow = tvl1(first.requires_grad_(), second)
    assert not flow.requires_grad
    assert torch.equal(first.detach(), before)


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (torch.zeros(1, 20, 20), torch.zeros(1, 20, 21), r"\(1, 20, 20\).*\(1, 20, 21\)"),
        (torch.zeros(20, 20), torch.zeros(20, 20), r"\(20, 20\)"),
        (torch.zeros(0, 20, 20), torch.zeros(0, 20, 20), r"\(0, 20, 20\)"),
        (torch.zeros(1, 20, 20), torch.zeros(1, 20, 20).double(), "float64"),
        (torch.zeros(1, 20, 20).byte(), torch.zeros(1, 20, 20).byte(), "uint8"),
        (torch.zeros(1, 20, 15), torch.zeros(1, 20, 15), "16 x 16"),
        (torch.zeros(1, 20, 20), torch.full((1, 20, 20), 255.0), r"0\.\.255\. Divide"),
        (torch.zeros(1, 20, 20) - 1, torch.zeros(1, 20, 20), r"-1\.\.0"),
        (torch.zeros(1, 20, 20), torch.full((1, 20, 20), torch.nan), "nan.*not finite"),
        (torch.full((1, 20, 20), torch.inf), torch.zeros(1, 20, 20), r"0\.\.inf"),
    ],
)
def test_frames_that_do_not_fit_are_refused_with_what_was_found(first, second, found):
    with pytest.raises(DataError, match=found):
        tvl1(first, second)


@pytest.mark.parametrize(
    "wrong", [{"levels": 0}, {"warps": 0}, {"iterations": 0}, {"tau": 0.0}, {"huber": float("nan")}]
)
def test_a_parameter_out_of_range_is_named_with_its_value(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigError, match=f"{name} {value}"):
        tvl1(*random_pair(0), **wrong)


def test_the_flow_module_offers_it_without_loading_torch():
    first, second = random_pair(0)
    assert torch.equal(flow_module.tvl1(first, second), tvl1(first, second))
    script = "import sys, openmer.preprocessing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
