"""A short run of the fuzzer; `python -m tests.fuzz --count 2000` is the long one."""

import os
import subprocess
import sys


def test_no_damaged_file_gives_a_traceback_a_hang_a_crash_or_part_of_an_output():
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--count", "160"],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # its processes are forked: no threads may run
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "160 cases, 0 faults" in done.stdout
