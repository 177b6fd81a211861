"""Progress bars, and the program around them."""

import subprocess
import sys

import pytest

DRAWN = """
import io
from spikebert.core.progress import Bar
stream = io.StringIO()
with Bar(total=2, file=stream, disable={disable}) as bar:
    bar.update(2)
assert ("100%" in stream.getvalue()) != {disable}
"""


@pytest.mark.needs("lava")
@pytest.mark.parametrize("disable", [True, False])
def test_lava_can_still_choose_how_processes_start(disable):
    program = DRAWN.format(disable=disable) + "import lava.magma.runtime.runtime"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
