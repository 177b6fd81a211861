"""The commands as a user meets them."""

import subprocess
import sys

import pytest

COMMANDS = {
    "spikebert-train": "spikebert.cli",
    "spikebert-export": "export.cli",
    "spikebert-simulate": "simulate.cli",
    "spikebert-report": "simulate.report.cli",
    "spikebert-deploy": "deploy.cli",
}


def call(module, *arguments):
    return subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("command", "module"), COMMANDS.items())
def test_help_tells_what_the_command_does_without_loading_heavy_libraries(command, module):
    done = call(module, "--help")
    assert done.returncode == 0
    assert command in done.stdout
    code = (
        f"import sys, {module}; print([m for m in ('torch', 'lava', 'transformers', 'matplotlib') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ("export.cli", "none.pt", "-o", "x.nir"),
        ("simulate.cli", "none.nir", "--text", "a"),
        ("simulate.report.cli", "none", "-o", "r.html"),
        ("deploy.cli", "resources", "none.nir"),
    ],
)
def test_a_missing_file_is_one_line_and_exit_code_2(arguments, tmp_path):
    done = call(*arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "none" in done.stderr


def test_exporting_into_no_folder_writes_nothing(tmp_path):
    done = call("export.cli", "none.pt", "-o", str(tmp_path / "no" / "x.nir"))
    assert done.returncode == 2
    assert "folder does not exist" in done.stderr
