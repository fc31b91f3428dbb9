"""Python runs this as it starts: a worker of an audit records from its first moment on."""

import importlib.util
import os
import sys
from pathlib import Path

_here = Path(__file__).resolve().parent


def _loaded(name: str, path: Path) -> object:
    """Run a file as a module that does not stand among the others."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def _run_the_next_one() -> None:
    """Run the file of this name that would have been found without the audit."""
    for folder in sys.path:
        path = Path(folder or ".") / "sitecustomize.py"
        if path.is_file() and path.resolve().parent != _here:
            _loaded("sitecustomize", path)
            return


_hook = _loaded("openmer_audit_hook", _here.parent / "_hook.py")
if os.environ.get(_hook.VARIABLE):  # type: ignore[attr-defined]
    _hook.start(os.environ[_hook.VARIABLE])  # type: ignore[attr-defined]
_run_the_next_one()
