"""Small videos for the tests of reading and writing, made with PyAV."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

HEIGHT, WIDTH = 48, 64
NTSC = Fraction(30000, 1001)


def pictures(count, height=HEIGHT, width=WIDTH):
    """Different pictures: a bright square that moves over a ramp."""
    ramp = np.linspace(40, 160, width).astype(np.uint8)
    for number in range(count):
        image = np.repeat(ramp[None, :, None], height, axis=0).repeat(3, axis=2)
        left = (5 * number) % (width - 12)
        image[height // 3 : height // 3 + 12, left : left + 12] = (230, 210, 30)
        yield image


def film(path, codec="libx264", *, count=20, fps=25, pixels="yuv420p", images=None, **more):
    """Write a video and return its path; `more`: container, options, muxing, pts, unit, before."""
    images = list(pictures(count)) if images is None else images
    frames = [
        image if isinstance(image, av.VideoFrame) else _frame(image, pixels) for image in images
    ]
    container = av.open(
        str(path), "w", format=more.get("container"), container_options=more.get("muxing", {})
    )
    stream = container.add_stream(codec, rate=Fraction(fps), options=more.get("options", {}))
    stream.height, stream.width = frames[0].height, frames[0].width
    stream.pix_fmt = pixels
    unit = more.get("unit", 1 / Fraction(fps))
    stream.codec_context.time_base = unit
    more.get("before", lambda stream: None)(stream)
    for number, frame in enumerate(frames):
        frame.pts = more["pts"][number] if "pts" in more else number
        frame.time_base = unit
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
    container.close()
    return path


def _frame(image, pixels):
    return av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels, threads=1)


# Name: (ending, codec, pixels, options of the encoder). B-frames where the codec has them.
KINDS = {
    "h264 mp4": ("mp4", "libx264", "yuv420p", {"bf": "2", "g": "8"}),
    "h264 mov": ("mov", "libx264", "yuv420p", {"g": "8"}),
    "h264 mkv": ("mkv", "libx264", "yuv420p", {"bf": "2", "g": "8"}),
    "h264 ts": ("ts", "libx264", "yuv420p", {"bf": "2", "g": "8"}),
    "h264 avi": ("avi", "libx264", "yuv420p", {"bf": "2", "g": "8"}),
    "open gop": ("mp4", "libx264", "yuv420p", {"bf": "2", "g": "8", "x264-params": "open-gop=1"}),
    "mpeg4 avi": ("avi", "mpeg4", "yuv420p", {"g": "8"}),
    "mpeg2 ts": ("ts", "mpeg2video", "yuv420p", {"bf": "2", "g": "8"}),
    "vp9 webm": (
        "webm",
        "libvpx-vp9",
        "yuv420p",
        {"g": "8", "cpu-used": "8", "deadline": "realtime"},
    ),
    "mjpeg avi": ("avi", "mjpeg", "yuvj420p", {}),
    "ffv1 mkv": ("mkv", "ffv1", "bgr0", {}),
    "gif": ("gif", "gif", "rgb8", {}),
    "raw h264": ("h264", "libx264", "yuv420p", {"bf": "2", "g": "8"}),
}


def film_of(kind, folder, *, count=30, fps=25, **more):
    ending, codec, pixels, options = KINDS[kind]
    return film(
        folder / f"video.{ending}",
        codec,
        count=count,
        fps=fps,
        pixels=pixels,
        options=options,
        **more,
    )
