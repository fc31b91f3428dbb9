"""Preparing a corpus of the composite's size: time against a plain loop, memory, and where it goes.

442 synthetic clips of 68 subjects, onset and apex frame of 640 x 480 pixels, are detected (MTCNN),
aligned to 224 x 224, and their flow (TV-L1) and strain measured: by `prepare` with two workers, and
by a plain loop in one process with OpenCV's TV-L1, which has as many threads as it wants and whose
detector and alignment are the package's own, called image by image. The loop is measured on some
clips, spread over the corpus, in several parts; `prepare` runs between them.

Memory is the sum over all processes of the proportional set size (PSS: what a process has of its
own, and its share of what several have), read twice a second. A file that holds a large result is
counted as far as it is in memory. On a shared machine the processor time says more than seconds;
that of `prepare` lacks up to half a second per process.

    python benchmarks/preparing.py [--quick]
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from openmer.clip import Clip
from openmer.datasets import read_manifest
from openmer.datasets._manifest import write_manifest
from openmer.datasets.synthetic._clips import generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.preprocessing import (
    ArrayCache,
    Recipe,
    detect_faces,
    find_alignment,
    fingerprint,
    optical_flow,
    optical_strain,
    prepare,
)
from openmer.preprocessing._frames import FrameFiles

RESULTS = Path(__file__).parent / "results" / "preparing.md"
SUBJECTS = {"synth-a": 16, "synth-b": 24, "synth-c": 28}
FACE_PX, FRAME_XY = 320, (640, 480)
RECIPE = Recipe.from_tables(
    [{"step": "align", "style": "efficient-me"}, {"step": "flow"}, {"step": "strain"}]
)
WORKERS = 2
PARTS = 4  # of the plain loop
PAUSE_S = 0.5  # reading it takes some 20 ms, which the workers lack


def make_corpus(root: Path) -> None:
    """442 clips of 68 subjects, two frames each."""
    parts = tuple(
        Part(
            corpus=name,
            subjects=tuple(f"s{number:02}" for number in range(count)),
            fps=Fraction(100),
            movement_frames=(7, 7),
        )
        for name, count in SUBJECTS.items()
    )
    clips: list[Clip] = []
    subjects: dict[str, int] = {}
    top, left = (FRAME_XY[1] - FACE_PX) // 2, (FRAME_XY[0] - FACE_PX) // 2
    for made in generate(CorpusPlan(parts=parts, clips_per_subject=7, frame_size=FACE_PX)):
        place = subjects.setdefault(made.clip.subject_id, len(subjects))
        if place % 2 and made.clip.name == "ep07":  # 6.5 clips a subject
            continue
        folder = root / made.clip.key
        folder.mkdir(parents=True)
        paths = []
        for frame in (made.clip.onset, made.clip.apex):
            wide = cv2.copyMakeBorder(
                made.frames_rgb[frame], top, top, left, left, cv2.BORDER_REPLICATE
            )
            paths.append(folder / f"img{frame}.png")
            cv2.imwrite(str(paths[-1]), wide[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
        clips.append(replace(made.clip, onset=0, apex=1, offset=1, frame_paths=tuple(paths)))
    write_manifest(root / "manifest.csv", clips)


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            found += family(int(child))
    return found


def processor_s(pid: int) -> float:
    """Processor time that a process has had."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> tuple[float, float]:
    """Proportional set size of a process, all and what is not of files, in MiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0.0, 0.0
    sizes = {name: int(rest.split()[0]) / 1024 for name, rest in (s.split(":") for s in lines)}
    return sizes.get("Pss", 0.0), sizes.get("Pss_Anon", 0.0)


@contextmanager
def watched(peak: dict[str, float]) -> Iterator[None]:
    """Note the largest memory of this process and all below it, of all at one time."""
    ended = threading.Event()
    spent: dict[int, float] = {}
    before = time.process_time()

    def watch() -> None:
        while not ended.wait(PAUSE_S):
            pids = family(os.getpid())
            spent.update({pid: processor_s(pid) for pid in pids[1:]})
            sizes = [memory_mib(pid) for pid in pids]
            total = sum(size for size, _ in sizes)
            if total > peak.get("all", 0.0):
                peak["all"] = total
                peak["anonymous"] = sum(size for _, size in sizes)
                peak["caller"] = sizes[0][0]
                peak["processes"] = len(sizes)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        peak["processor"] = time.process_time() - before + sum(spent.values())


def plain(clip: Clip) -> np.ndarray:
    """The plainest way for one clip; two frames are read, one is looked at, both are aligned."""
    first, second = (
        cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in clip.frame_paths
    )
    alignment = find_alignment(first)
    grays = [
        alignment.apply(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)).round().astype(np.uint8)
        for frame in (first, second)
    ]
    flow = cv2.optflow.DualTVL1OpticalFlow.create().calc(*grays, None)
    planes = np.ascontiguousarray(np.moveaxis(flow, -1, 0))
    return np.concatenate([planes, optical_strain(planes)])


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """How long a call takes, and the processor time of all its threads."""
    start, before = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - before


def copies(clips: Sequence[Clip], times: int) -> list[Clip]:
    """The clips several times, under other names."""
    return [replace(clip, name=f"{clip.name}-{n}") for n in range(times) for clip in clips]


def run_once(manifest: Path, times: int, cache: Path | None, *, torch: bool) -> None:
    """In a fresh process: prepare, then print seconds, memory and fingerprint."""
    if torch:  # as in a command that is going to train
        import torch as _  # noqa: F401
    clips = copies(read_manifest(manifest), times)
    kept = None if cache is None else ArrayCache(cache)
    peak: dict[str, float] = {}
    with watched(peak):
        start = time.perf_counter()
        arrays = prepare(clips, RECIPE, cache=kept, workers=WORKERS)
        spent = time.perf_counter() - start
    names = ("processor", "all", "anonymous", "caller", "processes")
    print(
        spent,
        *(peak.get(name, 0.0) for name in names),
        arrays.nbytes / 2**20,
        fingerprint(arrays)[:16],
    )


def fresh(manifest: Path, times: int, cache: Path | None, *, torch: bool = False) -> list[str]:
    """What `run_once` prints."""
    command = [sys.executable, __file__, "--once", str(manifest), str(times), str(cache or "")]
    done = subprocess.run(
        [*command, *["torch"] * torch], check=True, stdout=subprocess.PIPE, text=True
    )
    print(f"prepared {times} times 442 clips: {done.stdout.strip()}", flush=True)
    return done.stdout.split()


def profile(clips: Sequence[Clip], cache: ArrayCache) -> dict[str, float]:
    """Milliseconds a clip of each part, one thread, least of three rounds."""
    rounds: list[dict[str, float]] = []
    for _ in range(3):
        spent: dict[str, float] = defaultdict(float)

        def timed(name: str, call: Callable[[], object], spent: dict[str, float] = spent) -> object:
            start = time.perf_counter()
            result = call()
            spent[name] += (time.perf_counter() - start) * 1000 / len(clips)
            return result

        for number, clip in enumerate(clips):
            key = timed("hash the files", lambda clip=clip: cache.key(RECIPE, clip))
            files = FrameFiles(clip)
            colours = timed("read", lambda files=files: files.colours(0))
            timed("detect", lambda image=colours: detect_faces([image]))
            alignment = find_alignment(colours)
            grays = [timed("read", lambda n=n, files=files: files.gray(n)) for n in (0, 1)]
            aligned = [timed("align", lambda g=g, a=alignment: a.apply(g)) for g in grays]
            flow = timed("flow", lambda pair=aligned: optical_flow(*pair))
            strain = timed("strain", lambda flow=flow: optical_strain(flow))
            array = np.concatenate([flow, strain])
            name = f"{number:02}{key}"
            timed("write to the cache", lambda name=name, a=array: cache.save(name, a))
            timed("read from the cache", lambda name=name: cache.load(name))
        rounds.append(dict(spent))
    return {name: min(done[name] for done in rounds) for name in rounds[0]}


def measure(manifest: Path, folder: Path, *, quick: bool) -> tuple[list[str], list[str]]:
    """The rows of both tables."""
    clips = read_manifest(manifest)
    some = [clips[round(i)] for i in np.linspace(0, len(clips) - 1, 8 if quick else 24)]
    parts = 2 if quick else PARTS
    cv2.setNumThreads(-1)
    plain(some[0])
    loops, cold, warm = [], [], []
    for part in range(parts):
        share = some[part::parts]
        spent = seconds(lambda share=share: [plain(clip) for clip in share])
        loops.append([time * len(clips) / len(share) for time in spent])
        print(f"plain loop, projected: {loops[-1]} s", flush=True)
        if part % 2 == 0:
            cold.append(fresh(manifest, 1, folder / f"cache{part}"))
            warm.append(fresh(manifest, 1, folder / f"cache{part}"))
    (loop, slowest), loop_cpu = sorted(loops)[:: len(loops) - 1], min(cpu for _, cpu in loops)
    rows = [
        "| what | seconds | times as fast | processor seconds | times as few |",
        "| --- | ---: | ---: | ---: | ---: |",
        f"| plain loop, PROJECTED from {len(some)} clips in {parts} parts, the fastest part "
        f"(slowest: {slowest[0]:.0f} s) | {loop[0]:.0f} | 1 | {loop_cpu:.0f} | 1 |",
    ]
    for what, runs in (("nothing in the cache", cold), ("all in the cache", warm)):
        spent = [float(run[0]) for run in runs]
        cpu = min(float(run[1]) for run in runs)
        rows.append(
            f"| `prepare`, {WORKERS} workers, {what}, measured whole, fastest of {len(spent)} "
            f"(slowest: {max(spent):.1f} s) | {min(spent):.1f} | {loop[0] / min(spent):.1f} | "
            f"{cpu:.1f} | {loop_cpu / cpu:.1f} |"
        )
    memory = [
        "| clips | PyTorch in the caller | the result, MiB | peak PSS of all, MiB | of it "
        "anonymous | of it the caller | processes |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    runs = [(1, "no", cold[0])]
    if not quick:
        runs.append((1, "yes", fresh(manifest, 1, folder / "torch", torch=True)))
        runs.append((4, "no", fresh(manifest, 4, folder / "four")))
    for times, loaded, (_, _, total, anonymous, caller, processes, result, _) in runs:
        memory.append(
            f"| {times * len(clips)} | {loaded} | {float(result):.0f} | {float(total):.0f} | "
            f"{float(anonymous):.0f} | {float(caller):.0f} | {processes} |"
        )
    if len({run[-1] for run in cold + warm}) != 1:
        raise SystemExit("Two runs gave different bytes.")
    return rows, memory


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer clips and runs, for a trial")
    parser.add_argument("--corpus", type=Path, help="where the corpus is kept; made if absent")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the tables go")
    parser.add_argument("--once", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        manifest, times, cache, *more = options.once
        run_once(Path(manifest), int(times), Path(cache) if cache else None, torch=bool(more))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = options.corpus or folder / "corpus"
        if not (root / "manifest.csv").is_file():
            make_corpus(root)
        load = os.getloadavg()[0]
        rows, memory = measure(root / "manifest.csv", folder, quick=options.quick)
        clips = read_manifest(root / "manifest.csv")
        parts = profile(clips[:: len(clips) // 12], ArrayCache(folder / "profile"))
    total = sum(spent for part, spent in parts.items() if part != "read from the cache")
    lines = [
        "# Preparing 442 clips: detect, align to 224 x 224, TV-L1 flow, strain",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}. Python {platform.python_version()}, OpenCV "
        f"{cv2.__version__}, PyTorch {version('torch')}, {os.cpu_count()} cores, load "
        f"{load:.1f} before the start: {'a shared, noisy' if load > 0.3 else 'a quiet'} machine. "
        f"Synthetic clips, 640 x 480.",
        "", *rows, "", *memory, "",
        "| part | ms a clip, one thread | share |", "| --- | ---: | ---: |",
        *(f"| {part} | {spent:.1f} | {spent / total:.0%} |" for part, spent in parts.items()),
    ]  # fmt: skip
    text = "\n".join(lines) + "\n"
    print(text)
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
