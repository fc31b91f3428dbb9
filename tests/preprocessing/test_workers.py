"""Processes that share what they have loaded: order, errors, ends, and no more than they need."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from openmer.errors import OpenMERError
from openmer.preprocessing._process_pool import can_fork, in_order

pytestmark = pytest.mark.skipif(not can_fork(), reason="processes are not forked here")


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 30])
def test_results_stand_in_the_order_of_the_items(count):
    assert list(in_order(lambda x: (time.sleep(0.02 * (x % 2)), x)[1], range(count), 2)) == list(
        range(count)
    )


def test_large_results_and_items_do_not_block_each_other():
    large = [bytes([number]) * 1_000_000 for number in range(20)]
    assert list(in_order(lambda content: content, large, 2)) == large


def test_items_are_taken_only_a_few_ahead():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = in_order(abs, items(), 2)
    assert next(results) == 0
    assert len(taken) <= 9
    results.close()
    assert len(taken) <= 9


def test_what_the_function_raises_is_raised_here():
    def third_fails(number):
        if number == 2:
            raise LookupError("third")
        return number

    results = in_order(third_fails, range(5), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(LookupError, match="third"):
        next(results)


def test_what_the_function_prints_is_no_result():
    assert list(in_order(lambda x: (os.write(1, b"noise"), x)[1], range(3), 2)) == [0, 1, 2]


def test_a_worker_ended_from_outside_is_reported():
    def end(number):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(OpenMERError, match=r"ended from outside.*fewer workers"):
        list(in_order(end, range(5), 2))


def test_workers_end_with_the_process_that_forked_them():
    results = in_order(lambda _: (os.getpid(), os.getppid()), range(50), 2)
    worker, server = next(results)
    os.kill(server, signal.SIGKILL)
    with pytest.raises(OpenMERError, match="ended from outside"):
        list(results)
    assert _all_end({worker})


def test_every_process_is_gone_after_the_last_result_and_after_an_early_end():
    whole = list(in_order(lambda _: (os.getpid(), os.getppid()), range(12), 2))
    early = in_order(lambda _: (os.getpid(), os.getppid()), range(12), 2)
    pids = {pid for pair in [*whole, next(early)] for pid in pair}
    early.close()
    assert _all_end(pids)


def test_a_script_needs_no_guard_against_being_run_twice(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from openmer.preprocessing._process_pool import in_order\n"
        "print('once')\n"
        "def double(x): return 2 * x\n"
        "print(list(in_order(double, range(3), 2)))\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split("\n")[:2] == ["once", "[0, 2, 4]"]


def test_workers_share_one_copy_of_a_loaded_module():
    def seen(_):
        return os.getppid(), "colorsys" in sys.modules, len(list(Path("/proc/self/task").iterdir()))

    results = list(in_order(seen, range(8), 2, loaded=["colorsys"]))
    assert len({server for server, _, _ in results}) == 1
    assert all(loaded and threads == 1 for _, loaded, threads in results)


def _all_end(pids):
    """Whether processes end within some seconds."""
    end = time.monotonic() + 5
    while any(_runs(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(_runs(pid) for pid in pids)


def _runs(pid):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class AwkwardError(Exception):
    """An exception that cannot be made again from its arguments."""

    def __init__(self, first, second):
        super().__init__(first)
        self.second = second


def test_an_exception_that_cannot_travel_arrives_in_words():
    def fails(number):
        raise AwkwardError("the reason", number)

    with pytest.raises(RuntimeError, match="AwkwardError: the reason") as found:
        list(in_order(fails, range(3), 2))
    assert "In a worker process" in found.value.__notes__[0]


@pytest.mark.parametrize("kind", [GeneratorExit, asyncio.CancelledError])
def test_an_exception_of_no_ordinary_kind_arrives(kind):
    def fails(number):
        raise kind("the reason")

    with pytest.raises(kind, match="the reason"):
        list(in_order(fails, range(3), 2))


def test_an_end_of_file_of_the_functions_own_is_not_taken_for_a_dead_worker():
    def fails(number):
        raise EOFError("short file")

    with pytest.raises(EOFError, match="short file"):
        list(in_order(fails, range(3), 2))


def test_nothing_is_imported_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "queue.py").write_text("raise RuntimeError('imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, tmp_path / "elsewhere"])
    assert list(in_order(abs, range(3), 2)) == [0, 1, 2]
