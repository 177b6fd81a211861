"""The console commands as their installed files call them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PYPROJECT = (Path(__file__).resolve().parents[3] / "pyproject.toml").read_text("utf-8")
SCRIPTS = re.findall(
    r'^(\S+) = "(\S+):(\S+)"$', PYPROJECT.partition("[project.scripts]\n")[2].partition("\n\n")[0], re.MULTILINE
)
CUT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it is ignored
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "argparse":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
"""


def call(script: tuple[str, str, str], before: str = "", *arguments: str) -> subprocess.CompletedProcess:
    """Run what pip writes as the file of a command."""
    _, module, function = script
    code = f"{before}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)


def test_there_are_six_commands():
    assert len(SCRIPTS) == 6


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script[0])
def test_ctrl_c_while_a_command_loads_is_one_line(script):
    done = call(script, CUT, "--help")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"{script[0]}: interrupted\n")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script[0])
def test_each_command_runs_what_its_name_says(script):
    done = call(script, "", "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"usage: {script[0]} ")
