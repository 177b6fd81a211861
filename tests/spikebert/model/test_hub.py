"""Models of the Hugging Face hub: its own client talks with a stand-in of its server, on this machine."""

import os
import subprocess
import sys

import pytest
import torch  # noqa: F401  # where it is missing this file is skipped by its name, and so is one that is imported below

from spikebert.cli import main as train
from spikebert.core.errors import InputError
from spikebert.model.hub import FILES, local
from tests.deploy.workbench.test_hugging_face import TEXTS
from tests.deploy.workbench.test_hugging_face import folder as folder  # a fixture
from tests.spikebert.model.hub_stand_in import TOKEN, stand_in
from tests.spikebert.training.test_training import command
from tests.spikebert.training.test_training import task as task
from tests.spikebert.training.test_training import teacher as teacher


@pytest.fixture
def hub(tmp_path):
    """(the environment in which the client asks the stand-in, what was pushed there)."""
    with stand_in() as (address, repositories):
        asked = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0", "HF_TOKEN": TOKEN}
        yield {**os.environ, **asked, "HF_HUB_DISABLE_XET": "1"}, repositories


def python(environment, *arguments):
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=240)


def test_a_model_is_pushed_with_its_card_and_loads_and_exports_by_its_name(hub, folder, tmp_path):
    environment, repositories = hub
    code = (
        "import spikebert\n"
        f"own = spikebert.load({str(folder)!r})\n"
        "own.push_to_hub('me/films')\n"
        "other = spikebert.load('me/films')\n"
        f"assert (own.predict_proba({TEXTS!r}) == other.predict_proba({TEXTS!r})).all()\n"
        "from export.cli import main\n"
        f"assert main(['me/films', '-o', {str(tmp_path / 'model.nir')!r}]) == 0\n"
    )
    done = python(environment, "-c", code)
    assert done.returncode == 0, done.stderr
    assert {*FILES, "README.md", "tokenizer_config.json"} == repositories["me/films"].keys()
    assert 'pipeline("text-classification", model="me/films")' in repositories["me/films"]["README.md"].decode()
    assert (tmp_path / "model.nir").is_file()


def test_a_training_pushes_what_it_made(hub, task, teacher, tmp_path):
    environment, repositories = hub
    short = ["--epochs", "1", "--stage1-epochs", "0", "--teacher-epochs", "1", "--push-to-hub", "me/mine"]
    done = python(environment, "-m", "spikebert.cli", *command(task, teacher, tmp_path / "run", *short))
    assert done.returncode == 0, done.stderr
    assert "is on the hub as me/mine" in done.stdout
    assert repositories["me/mine"]["config.json"] == (tmp_path / "run" / "model" / "config.json").read_bytes()


def test_who_is_not_known_to_the_hub_learns_it_before_anything_is_trained(hub, task, teacher, tmp_path):
    environment, repositories = hub
    arguments = command(task, teacher, tmp_path / "run", "--push-to-hub", "me/mine")
    done = python({**environment, "HF_TOKEN": "hf_wrong"}, "-m", "spikebert.cli", *arguments)
    assert done.returncode == 2 and not repositories
    assert "--push-to-hub me/mine: the hub does not know you" in done.stderr
    assert done.stderr.count("\n") == 1 and not (tmp_path / "run" / "teacher").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--push-to-hub", "mine"], "--push-to-hub mine: must be OWNER/NAME"),
        (["--push-to-hub", "me/mine"], "--push-to-hub me/mine: the hub is not reached from here"),
    ],
)
def test_what_cannot_be_pushed_is_one_line(task, teacher, tmp_path, capsys, options, message):
    assert train(command(task, teacher, tmp_path / "run", *options)) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_path_of_this_machine_is_never_asked_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    for path in ("runs/model", "none/model.pt", "none.nir", "a/b/c"):
        assert str(local(path)) == path
    with pytest.raises(InputError, match="me/films: no such file or folder, and the hub is not reached from here"):
        local("me/films")
