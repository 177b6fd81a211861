"""What is told before torch is loaded, and where it is not installed."""

import subprocess
import sys

import pytest

WITHOUT = (
    "import sys; sys.modules['torch'] = None; from deploy.workbench.cli import train; sys.exit(train(sys.argv[1:]))"
)


def run(*arguments):
    done = subprocess.run([sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    path = tmp_path_factory.mktemp("task") / "train.tsv"
    path.write_text("".join(f"{'ab'[i % 2]}\ttext {i}\n" for i in range(40)))
    return str(path)


@pytest.mark.parametrize("command", [[], ["teacher"], ["baseline", "textcnn"]])
def test_without_torch_one_line_names_what_to_install(command, task, tmp_path):
    said = run(*command, "--task", task, "--teacher", "some/name", "--out", str(tmp_path / "out"))
    assert "needs the package torch, which is not installed: pip install 'spikebert[train]'" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--heads", "7"], "--heads 7: must be a divisor"),
        (["--levels", "9"], "--levels 9: must be at most 4"),
        (["--beta", "1.5"], "--beta 1.5: must lie in [0, 1]"),
        (["--task", "nothing.tsv"], "nothing.tsv: no such file or folder"),
        (["--teacher", "/no/such"], "--teacher /no/such: no such folder"),
        (["--corpus", "none.txt"], "none.txt: no such corpus file"),
        (["--label-column", "x"], "line 1: no column 'x'"),
        (["--out", __file__], "is a file; give a folder"),
    ],
)
def test_arguments_are_checked_before_torch_is_loaded(arguments, message, task, tmp_path):
    whole = ["--task", task, "--teacher", "some/name", "--out", str(tmp_path / "out"), *arguments]
    assert message in run(*whole)


def test_a_network_that_leaves_no_model_keeps_no_vocabulary(task, tmp_path):
    said = run("baseline", "textcnn", "--task", task, "--vocabulary", "used", "--out", str(tmp_path / "out"))
    assert "--vocabulary used: textcnn leaves no model" in said


def test_qat_checks_its_arguments_first_too(task, tmp_path):
    assert "none.pt: no such model file" in run("qat", "none.pt", "--task", task, "--out", str(tmp_path))
