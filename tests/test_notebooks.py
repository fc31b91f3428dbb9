"""Notebooks run, are stored without what they printed, and open in Colab."""

import importlib.util
import json
import os
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
REPOSITORY = URLS["Repository"].removeprefix("https://github.com/")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path, kind):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def test_notebooks_are_numbered_and_listed():
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{n:02}" for n in range(1, 8)]
    listed = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
    assert all(f"(../notebooks/{path.name})" in listed for path in NOTEBOOKS)


@each_notebook
def test_a_notebook_is_stored_without_outputs(path):
    book = json.loads(path.read_text(encoding="utf-8"))
    for cell in book["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    assert set(book["metadata"]) == {"kernelspec", "language_info"}


@each_notebook
def test_a_notebook_opens_itself_in_colab(path):
    title, *_ = cells(path, "markdown")
    place = f"github/{REPOSITORY}/blob/main/notebooks/{path.name}"
    assert title.startswith("# ")
    assert f"(https://colab.research.google.com/{place})" in title
    assert any(f"git+{URLS['Repository']}" in code for code in cells(path, "code"))


def test_links_of_notebooks_and_pages_lead_somewhere_on_the_site():
    """The hook of the site, on every page, without MkDocs: strict builds run in CI alone."""
    path = ROOT / "docs" / "site_links.py"
    spec = importlib.util.spec_from_file_location("site_links", path)
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    docs = ROOT / "docs"
    texts = {
        page.relative_to(docs).as_posix(): page.read_text("utf-8") for page in docs.rglob("*.md")
    }
    texts |= {
        f"notebooks/{book.stem}.md": "\n\n".join(cells(book, "markdown")) for book in NOTEBOOKS
    }
    for name, text in texts.items():
        page = SimpleNamespace(file=SimpleNamespace(src_uri=name))
        made = hook.on_page_markdown(text, page, SimpleNamespace(repo_url=URLS["Repository"]))
        for target in re.findall(r"\]\((?!\w+:|#|/)([^)\s#]+\.md)", made):
            place = os.path.normpath(Path(name).parent / target)
            assert Path(place).as_posix() in texts, f"{name}: {target}"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """Where all of them run: the first one makes the corpus and the flow, and loads PyTorch."""
    if not os.environ.get("CI") and importlib.util.find_spec("nbclient") is None:
        pytest.skip("nbclient of the group dev is not installed")
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="python3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        manager.start_kernel(cwd=str(tmp_path_factory.mktemp("notebooks")))
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.mark.slow
@each_notebook
def test_a_notebook_runs(path, kernel):
    """Each begins without any name of those before it."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(path, as_version=4)
    book.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    client = NotebookClient(book, km=kernel, timeout=600)
    try:
        client.execute()
    finally:
        client.kc.stop_channels()
