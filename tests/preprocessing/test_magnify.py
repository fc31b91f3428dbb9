"""Magnification: its laws, the filters against SciPy, and motion against (1 + alpha) d."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import signal

from openmer.datasets.synthetic._clips import SyntheticClip, generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import (
    EmptyBandWarning,
    MagnifySettings,
    band_report,
    linear_limit_px,
    magnify,
    magnify_some,
    optical_flow,
)
from openmer.preprocessing.magnification._filters import (
    Butterworth,
    FirstOrder,
    design_filter,
    filter_course,
    gains_at,
)
from openmer.preprocessing.magnification._pyramids import double, halve, level_gains

FILTERS = ["ideal", "butterworth", "iir", Butterworth(causal=True, order=1)]
BAND = {"fps": 100, "band_hz": (4.0, 15.0)}


def noise(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def waves(times: np.ndarray, wavelength_px: float, displacement_px: float) -> np.ndarray:
    """Vertical stripes that move to the right by `displacement_px` times the course `times`."""
    x = np.arange(64)
    moved = x - displacement_px * times[:, None, None]
    return np.broadcast_to(
        0.5 + 0.2 * np.sin(2 * np.pi * moved / wavelength_px), (len(times), 48, 64)
    )


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("shape", [(20, 24, 31), (20, 24, 31, 1), (20, 24, 31, 3)])
def test_alpha_0_is_the_identity(kind, shape):
    clip = noise(*shape)
    assert torch.equal(magnify(clip, alpha=0, filter=kind, **BAND), clip)


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("frames", [30, 130])
def test_a_clip_that_stands_still_is_unchanged(kind, frames):
    clip = noise(1, 24, 31, 3).expand(frames, -1, -1, -1)
    assert torch.equal(magnify(clip, alpha=15, filter=kind, **BAND), clip)


@pytest.mark.parametrize("kind", FILTERS)
def test_what_is_added_is_linear_in_alpha(kind):
    clip = noise(30, 24, 31, dtype=torch.float64)
    once, thrice = (magnify(clip, alpha=a, filter=kind, **BAND) - clip for a in (2, 6))
    assert once.abs().max() > 0.1
    torch.testing.assert_close(3 * once, thrice)


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("frames", [40, 600])
@pytest.mark.parametrize(
    "settings",
    [
        MagnifySettings(levels=2),
        MagnifySettings(finest_level=1, cutoff_px=16.0),
        MagnifySettings(pyramid="gaussian", finest_level=1),
    ],
)
def test_it_is_a_laplacian_pyramid_of_what_scipy_filters(kind, frames, settings):
    clip = noise(frames, 17, 20, dtype=torch.float64)
    design = design_filter(kind, **BAND)
    passed = torch.from_numpy(filter_course(design, clip.numpy()))
    pyramid = [passed, halve(passed), halve(halve(passed))]
    sizes = [(17, 20), (9, 10)]
    if settings.pyramid == "gaussian":
        added = 7 * double(pyramid[1], *sizes[0])
    else:
        gains = level_gains(7, 2, settings.finest_level, settings.cutoff_px)
        bands = [pyramid[n] - double(pyramid[n + 1], *sizes[n]) for n in (0, 1)]
        added = gains[0] * bands[0] + gains[1] * double(bands[1], *sizes[0])
    result = magnify(clip, alpha=7, filter=kind, settings=settings, **BAND)
    torch.testing.assert_close(result, clip + added)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_narrow_ideal_band_takes_the_short_way_to_the_same_numbers(dtype):
    clip = noise(64, 20, 20, 3, dtype=dtype)
    narrow = [(f * 100 / 64, (f + 1) * 100 / 64) for f in (2, 4, 6, 8, 10)]
    parts = [magnify(clip, fps=100, alpha=3, band_hz=b, filter="ideal") - clip for b in narrow]
    wide = magnify(clip, fps=100, alpha=3, band_hz=(2 * 100 / 64, 1100 / 64), filter="ideal")
    torch.testing.assert_close(sum(parts), wide - clip, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("kind", ["iir", Butterworth(causal=True), FirstOrder(r1=0.4, r2=0.05)])
def test_a_causal_filter_knows_nothing_of_later_frames(kind):
    band = None if isinstance(kind, FirstOrder) else (0.5, 12.0)
    how = {"fps": 100, "alpha": 0.5, "band_hz": band, "filter": kind}
    clip = noise(150, 16, 21, 3)
    whole = magnify(clip, **how)
    torch.testing.assert_close(magnify(clip[:70], **how), whole[:70], rtol=0, atol=1e-6)
    exact = magnify(clip.double(), **how)
    torch.testing.assert_close(whole.double(), exact, rtol=0, atol=1e-6)


def test_arrays_and_tensors_of_one_channel_or_none_agree():
    clip = noise(20, 24, 31)
    expected = magnify(clip, alpha=4, **BAND)
    array = magnify(clip.numpy(), alpha=4, **BAND)
    assert isinstance(array, np.ndarray)
    assert array.dtype == np.float32
    assert np.array_equal(array, expected.numpy())
    assert torch.equal(magnify(clip[..., None], alpha=4, **BAND)[..., 0], expected)
    backwards = magnify(clip.flip(0).numpy()[::-1], alpha=4, **BAND)
    assert np.array_equal(backwards, array)
    frozen = clip.numpy().copy()
    frozen.flags.writeable = False
    assert np.array_equal(magnify(frozen, alpha=4, **BAND), array)
    assert magnify(clip.double(), alpha=4, **BAND).dtype == torch.float64


@pytest.mark.parametrize("kind", ["ideal", "iir"])
def test_colour_spaces(kind):
    clip = noise(60, 24, 31, 3, dtype=torch.float64)
    luma = clip @ torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    how = {"fps": 100, "alpha": 4, "band_hz": (3.0, 8.0), "filter": kind}

    def added(**settings: object) -> torch.Tensor:
        return magnify(clip, settings=MagnifySettings(**settings), **how) - clip

    brightness = magnify(luma, **how)
    gray = magnify(clip, settings=MagnifySettings(colour="gray"), **how)
    torch.testing.assert_close(gray, brightness)
    only_luma = added(chroma_gain=0.0)
    torch.testing.assert_close(only_luma, (brightness - luma)[..., None].expand_as(clip))
    rgb = added(colour="rgb")
    torch.testing.assert_close(rgb[..., 1], magnify(clip[..., 1], **how) - clip[..., 1])
    torch.testing.assert_close(added(chroma_gain=1.0), rgb)
    torch.testing.assert_close(added(chroma_gain=0.3), only_luma + 0.3 * (rgb - only_luma))


def test_the_result_is_cut_to_0_and_1_only_where_asked():
    clip = noise(20, 24, 31)
    free = magnify(clip, alpha=15, **BAND)
    assert free.min() < 0
    assert free.max() > 1
    cut = magnify(clip, alpha=15, settings=MagnifySettings(clip=True), **BAND)
    assert torch.equal(cut, free.clamp(0, 1))


@pytest.mark.parametrize("alpha", [2, 5, 10, 15])
def test_moving_stripes_move_1_plus_alpha_times_as_far_within_the_linear_range(alpha):
    wavelength_px = 8.0
    displacement_px = 0.5 * linear_limit_px(alpha, wavelength_px)
    times = (1 - np.cos(2 * np.pi * np.arange(40) / 40)) / 2
    clip = waves(times, wavelength_px, displacement_px)
    band_hz = (0.5 * 100 / 40, 1.5 * 100 / 40)
    result = magnify(clip, fps=100, alpha=alpha, band_hz=band_hz, filter="ideal")
    rows = np.fft.rfft(result[[0, 20], 24] - 0.5, axis=1)[:, 8]
    moved_px = -np.angle(rows[1] / rows[0]) * wavelength_px / (2 * np.pi)
    assert moved_px == pytest.approx((1 + alpha) * displacement_px, rel=0.05)


def face(amplitude_px: float, noise: float) -> SyntheticClip:
    """The same clip of the same subject, with a movement of another size."""
    part = Part(corpus="m", subjects=("s2",), fps=Fraction(200), movement_frames=(19, 24))
    plan = CorpusPlan(
        parts=(part,),
        clips_per_subject=1,
        frame_size=160,
        amplitude_px=(amplitude_px, amplitude_px),
        noise=noise,
        sway=0.0,
    )
    return next(iter(generate(plan)))


@pytest.mark.parametrize(("noise_factor", "tolerance"), [(0.0, 0.1), (1.0, 0.25)])
def test_faces_move_1_plus_alpha_times_as_far_within_the_linear_range(noise_factor, tolerance):
    assert linear_limit_px(3, 4) > 0.1
    small = face(0.1, noise_factor)
    to_gray = np.array([0.299, 0.587, 0.114], np.float32)
    length = np.hypot(*small.facial_flow_xy)
    moving = length > 0.5 * length.max()

    def measured(film: np.ndarray, clip: SyntheticClip) -> np.ndarray:
        ends = film[clip.clip.onset], film[clip.clip.apex]
        return optical_flow(*ends, method="farneback")[:, moving]

    gray = small.frames_rgb @ to_gray / np.float32(255)
    band_hz = (100 / len(gray), 100)
    for alpha in (1, 3):
        film = magnify(gray, fps=200, alpha=alpha, band_hz=band_hz, filter="ideal") * 255
        flow = measured(film, small)
        large = face(0.1 * (1 + alpha), 0.0)
        np.testing.assert_allclose(
            large.facial_flow_xy, (1 + alpha) * small.facial_flow_xy, atol=0.02
        )
        # What the same flow method sees where the movement really is that large.
        truth = measured(large.frames_rgb @ to_gray, large)
        assert (flow * truth).sum() / (truth**2).sum() == pytest.approx(1, abs=tolerance)


def test_a_band_without_a_bin_changes_nothing_and_says_so():
    clip = noise(61, 16, 16)
    with pytest.warns(EmptyBandWarning, match=r"No bin between 0\.1 and 0\.4 Hz: 61 frames at 200"):
        result = magnify(clip, fps=200, alpha=15, band_hz=(0.1, 0.4), filter="ideal")
    assert torch.equal(result, clip)
    report = band_report(61, 200, (0.1, 0.4))
    assert report.says == (
        "No bin between 0.1 and 0.4 Hz: 61 frames at 200 fps have bins at 0, 3.28, 6.56, ... Hz; "
        "the ideal filter returns zero and the output equals the input."
    )
    assert report.bins_in_band_hz == ()
    assert report.apex_gain == 0
    assert set(report.gains) == {0.0}


@pytest.mark.parametrize("kind", ["butterworth", "iir"])
def test_the_band_of_the_dense_attention_paper_runs_and_its_effect_is_told(kind):
    course = (1 - np.cos(2 * np.pi * np.arange(61) / 60)) / 2
    clip = (0.5 + 0.01 * course[:, None, None] * noise(16, 16).double().numpy()).astype(np.float64)
    settings = MagnifySettings(pyramid="gaussian")
    result = magnify(clip, fps=200, alpha=15, band_hz=(0.1, 0.4), filter=kind, settings=settings)
    report = band_report(61, 200, (0.1, 0.4), kind)
    ratio = (result[30] - result[0]) / (clip[30] - clip[0])
    np.testing.assert_allclose(ratio, 1 + 15 * report.apex_gain, rtol=1e-9)
    assert "No bin" in str(report)
    assert f"1 + {report.apex_gain:.2g} alpha" in str(report)


def test_gains_are_those_of_scipy():
    bins = np.arange(31) * 200 / 61
    sections = signal.butter(3, (4, 30), "bandpass", fs=200, output="sos")
    _, response = signal.freqz_sos(sections, worN=bins, fs=200)
    once = gains_at(
        design_filter(Butterworth(order=3, causal=True), fps=200, band_hz=(4, 30)), bins
    )
    np.testing.assert_allclose(once, np.abs(response), atol=1e-12)
    twice = band_report(61, 200, (4, 30), Butterworth(order=3))
    np.testing.assert_allclose(twice.gains, np.abs(response) ** 2, atol=1e-12)
    r1, r2 = 0.4, 0.05
    fast, slow = (signal.freqz([r], [1, r - 1], worN=bins, fs=200)[1] for r in (r1, r2))
    report = band_report(61, 200, None, FirstOrder(r1=r1, r2=r2))
    np.testing.assert_allclose(report.gains, np.abs(fast - slow), atol=1e-12)
    assert band_report(60, 120, (2, 4), "ideal").bins_in_band_hz == (2.0, 4.0)
    assert band_report(61, 200, (3, 7), "ideal").apex_gain == pytest.approx(1, abs=0.02)


def test_the_first_order_filter_is_two_low_passes_from_the_first_frame():
    course = noise(50, dtype=torch.float64).numpy()
    low = {0.4: [course[0]], 0.05: [course[0]]}
    for value in course[1:]:
        for r, values in low.items():
            values.append((1 - r) * values[-1] + r * value)
    design = design_filter(FirstOrder(r1=0.4, r2=0.05), fps=30, band_hz=None)
    difference = np.array(low[0.4]) - low[0.05]
    np.testing.assert_allclose(filter_course(design, course), difference, atol=1e-12)


def test_padding_is_that_of_scipy():
    course = noise(80, 3, dtype=torch.float64).numpy()
    for order in (1, 2, 3):
        design = design_filter(Butterworth(order=order), fps=100, band_hz=(5, 20))
        expected = signal.sosfiltfilt(design.sections, course, axis=0)
        np.testing.assert_allclose(filter_course(design, course), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"band_hz": (0, 5)}, r"0\.\.5 Hz.*above 0"),
        ({"band_hz": (5, 4)}, r"5\.\.4 Hz"),
        ({"band_hz": (5, 60)}, "50 Hz"),
        ({"band_hz": None}, "lower and an upper edge"),
        ({"band_hz": (5, 50), "filter": "butterworth"}, "below half"),
        ({"fps": 0}, "fps is 0"),
        ({"fps": float("nan")}, "fps is nan"),
        ({"alpha": -1}, "alpha is -1"),
        ({"filter": "buterworth"}, "Did you mean 'butterworth'"),
        ({"filter": Butterworth(order=0)}, "order"),
        ({"filter": FirstOrder(r1=0.4, r2=0.1)}, "Give one of the two"),
        ({"filter": FirstOrder(r1=0.1, r2=0.4), "band_hz": None}, "r2 < r1"),
        ({"settings": MagnifySettings(levels=9)}, "halved 3 times"),
        ({"settings": MagnifySettings(levels=1, finest_level=1)}, "no band is magnified"),
    ],
)
def test_settings_that_make_no_sense_are_refused(how, message):
    with pytest.raises(ConfigError, match=message):
        magnify(noise(20, 30, 30), **{**BAND, "alpha": 2, "filter": "ideal", **how})


@pytest.mark.parametrize(
    "wrong",
    [
        {"pyramid": "steerable"}, {"colour": "hsv"}, {"levels": 0}, {"finest_level": -1},
        {"cutoff_px": -1.0}, {"chroma_gain": 2.0},
    ],
)  # fmt: skip
def test_wrong_settings_name_the_value(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigError, match=f"{name} is {value!r}"):
        MagnifySettings(**wrong)


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (noise(1, 30, 30), r"1 frame\(s\).*at least 2"),
        (noise(20, 5, 30), "7 x 7"),
        (noise(20, 30), r"shape \(20, 30\)"),
        (noise(20, 30, 30, 4), "1 or 3 channels"),
        (np.zeros((20, 30, 30), np.uint8), "uint8.*divide"),
        (noise(20, 30, 30).half(), "float16"),
        (noise(20, 30, 30) / 0, "NaN or infinity"),
    ],
)
def test_frames_that_are_none_are_refused(clip, message):
    with pytest.raises(DataError, match=message):
        magnify(clip, alpha=2, **BAND)


def test_the_rest_of_preprocessing_needs_no_torch():
    names = "_dynamic_image _interpolate steps._apex magnification._filters"
    modules = "; ".join(f"import openmer.preprocessing.{name}" for name in names.split())
    code = f"import sys; {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_one_frame_has_no_bins():
    with pytest.raises(DataError, match="1 frame"):
        band_report(1, 30, (1, 2))


@pytest.mark.parametrize("wanted", [[-1], [20], [3, 25]])
def test_frames_that_are_not_there_are_refused(wanted):
    clip = np.random.default_rng(0).random((20, 32, 32)).astype(np.float32)
    with pytest.raises(DataError, match="wanted"):
        magnify_some([clip], n_frames=20, wanted=wanted, fps=60, alpha=5.0, band_hz=(2.0, 10.0))
