"""Models on a hub: a folder stands in for it, for no network is used in tests."""

import shutil
from pathlib import Path

import huggingface_hub
import pytest

import openmer
from openmer.deployment import read_model
from openmer.errors import ConfigError, DataError


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A folder in place of the hub: what is uploaded is copied, what is fetched comes from it."""

    def upload(*, repo_id, folder_path):
        shutil.copytree(folder_path, tmp_path / repo_id)
        return f"{repo_id}/commit/1"

    def download(name, *, revision, allow_patterns):
        if not (tmp_path / name).is_dir():
            raise OSError("404")
        return str(tmp_path / name)

    monkeypatch.setattr(huggingface_hub, "create_repo", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "upload_folder", upload)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return tmp_path


def test_a_model_goes_to_the_hub_and_comes_back_with_the_same_bytes(hub, tmp_path):
    model = openmer.load_model()
    assert model.push_to_hub("lab/motion") == "lab/motion/commit/1"
    found = openmer.load_model("hf://lab/motion@main")
    assert found.fitted.record.weights_sha256 == model.fitted.record.weights_sha256
    assert found.save(tmp_path / "again").is_dir()
    for name in ("model.safetensors", "method.toml"):
        assert (tmp_path / "again" / name).read_bytes() == (hub / "lab/motion" / name).read_bytes()
    card = (hub / "lab" / "motion" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: openmer\n") and "# " in card
    suffixes = {path.suffix for path in Path(hub / "lab" / "motion").iterdir()}
    assert suffixes == {".safetensors", ".toml", ".json", ".md"}


def test_what_is_not_there_or_no_name_is_one_clear_error(hub):
    with pytest.raises(DataError, match="hf://lab/none cannot be fetched"):
        openmer.load_model("hf://lab/none")
    with pytest.raises(DataError, match="hf://lab/none cannot be fetched"):
        read_model(Path("hf://lab/none"))  # as the command line has it: one slash is lost
    with pytest.raises(ConfigError, match="OWNER/NAME"):
        openmer.load_model("hf://lab/no/name/at all")
