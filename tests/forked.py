"""Python processes that begin with the libraries loaded, because to load PyTorch takes seconds.

On Linux they are forks of one server of this test process, which has one thread and has run
nothing yet. What a process loads by itself is tested elsewhere, by processes that start from
nothing; elsewhere than on Linux all do.
"""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path

SERVER = """
import gc, json, os, runpy, signal, sys, threading, warnings
import matplotlib.pyplot, pandas, sklearn.svm, torch
import openmer, openmer.cli._app, openmer.evaluation.audit, openmer.pretraining
from openmer.evaluation.tuning import _search

loaded = [getattr(openmer, name) for name in openmer.__all__]
gc.freeze()
assert threading.active_count() == 1, threading.enumerate()
while line := sys.stdin.readline():
    told = json.loads(line)
    if "poll" in told:
        pid, status = os.waitpid(told["poll"], os.WNOHANG)
        answer = os.waitstatus_to_exitcode(status) if pid else None
    else:
        answer = os.fork()
        if not answer:
            break
    print(json.dumps(answer), flush=True)
else:
    sys.exit()
signal.signal(signal.SIGINT, signal.default_int_handler)
os.chdir(told["cwd"])
os.environ.clear()
os.environ.update(told["env"])
for number, place in enumerate(told["files"]):
    file = os.open(place, os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY)
    os.dup2(file, number)
    os.close(file)
sys.argv = told["words"]
if told["script"]:
    warnings.resetwarnings()
    warnings.simplefilter("error")
    sys.path[0] = os.path.dirname(sys.argv[0])
    runpy.run_path(sys.argv[0], run_name="__main__")
else:
    openmer.cli._app.main()
"""


@cache
def _server():
    """Start the server of this process; it ends with its standard input."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(_end, server)
    return server


def _end(server):
    server.stdin.close()
    server.stdout.close()
    server.wait(60)


def _asked(**request):
    server = _server()
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


class Forked:
    """A process that runs a script, with warnings as errors, or a command of OpenMER.

    Args:
        words: The script and its arguments, or the arguments of ``openmer``.
        folder: Where it works.
        script: Whether it is a script.
        stdin: A file that it reads.
    """

    def __init__(self, words, folder, *, script=False, stdin=os.devnull):
        words = [str(word) for word in words]
        place = Path(tempfile.mkdtemp(prefix="forked"))
        self._files = (Path(stdin), place / "out", place / "err")
        self._code = self._process = None
        if sys.platform == "linux":
            told = {"words": words if script else ["openmer", *words], "script": script}
            told |= {"cwd": str(folder), "files": [str(file) for file in self._files]}
            self.pid = _asked(env=dict(os.environ), **told)
            return
        begin = ["-W", "error"] if script else ["-c", "from openmer.cli import main; main()"]
        modes = ("rb", "wb", "wb")
        with ExitStack() as opened:
            files = [
                opened.enter_context(file.open(mode))
                for file, mode in zip(self._files, modes, strict=True)
            ]
            self._process = subprocess.Popen(
                [sys.executable, *begin, *words],
                cwd=folder, stdin=files[0], stdout=files[1], stderr=files[2],
            )  # fmt: skip
        self.pid = self._process.pid

    def poll(self):
        """The exit code; None while it runs, negative if a signal ended it."""
        if self._code is None:
            self._code = self._process.poll() if self._process else _asked(poll=self.pid)
        return self._code

    def send(self, number):
        """Send a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout=300):
        """Wait for its end; return code, standard output and standard error."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                self.send(signal.SIGTERM)
                raise TimeoutError(f"not done after {timeout} s: {self._files[2].read_text()}")
            time.sleep(0.02)
        out, err = (file.read_text(encoding="utf-8") for file in self._files[1:])
        shutil.rmtree(self._files[1].parent)
        return subprocess.CompletedProcess((), self._code, out, err)
