"""The examples run, with the commands that a reader would type."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HERE = Path(sys.executable).parent


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")
def test_a_hardware_teams_first_hour_ends_with_the_fault_of_its_machine(tmp_path):
    environment = {**os.environ, "PATH": f"{HERE}{os.pathsep}{os.environ['PATH']}"}
    command = ["sh", "examples/first_hour.sh", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Lava: equal" in done.stdout
    assert "spikes and all logits equal" in done.stdout
    assert "Likely cause: one step late" in done.stdout.splitlines()[-1]
