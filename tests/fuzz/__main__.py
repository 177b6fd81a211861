"""Damaged and hostile files through everything that reads files (`tests.fuzz.readers`).

    python -m tests.fuzz --count 2000 [--only foreign]

Each case takes a good file, changes it, and runs a command on it in a process of its own. The command must end in time
with exit code 0 or 2 (or 1, where that says that things differ), without a traceback; with 2 it says why in one line
and leaves no output. The file of a case that fails is kept. The good files themselves must be accepted. Ctrl-C ends
it with what was found until then.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import redirect_stdout, suppress
from pathlib import Path

from tests.fuzz.originals import write_originals
from tests.fuzz.readers import Reader, readers
from tests.fuzz.strangers import TRACE

SECONDS = 30  # of computing that a command may take: any of them ends within a few
WALL_SECONDS = 300.0  # computing or not: a loaded machine may give a process but a tenth of its time


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--count", type=int, default=2000, help="cases (default: %(default)s)")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--only", default="", metavar="TEXT", help="only the readers whose names hold this text")
    options = p.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
    faults, outcomes = [], Counter()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        originals = Path(folder) / "originals"
        write_originals(originals)
        commands = [reader for reader in readers() if options.only in reader.command]
        for reader in commands:
            accept(reader, originals, Path(folder) / "case")
        gc.freeze()  # what is imported is left alone by the garbage collector, and so shared with the processes
        with suppress(KeyboardInterrupt):  # what was found until then is told
            for number in range(options.count):
                reader = commands[number % len(commands)]
                case = Path(folder) / "case"
                outcome = try_case(reader, originals, case, random.Random(f"{options.seed} {number}"))
                outcomes[reader.command, outcome if outcome in ("accepted", "refused") else "FAULT"] += 1
                if outcome not in ("accepted", "refused"):
                    kept = Path(tempfile.mkdtemp(prefix=f"fuzz-fault-{number}-"))
                    case.rename(kept / "case")  # it may hold what cannot be copied
                    faults.append(f"case {number}, {reader.command}: {outcome}; kept in {kept}")
                    print(faults[-1], file=sys.stderr, flush=True)
                shutil.rmtree(case, ignore_errors=True)
    for (command, outcome), count in sorted(outcomes.items()):
        print(f"{command:<28}{outcome:<10}{count:>6}")
    print(f"{sum(outcomes.values())} cases, {len(faults)} faults")
    return 1 if faults else 0


def accept(reader: Reader, originals: Path, case: Path) -> None:
    """Run a command on its good file, in this process: what it imports need not be imported again in each case."""
    shutil.copytree(originals, case)
    with (case / "stdout").open("w") as out, redirect_stdout(out):
        code = reader.main(words(reader, case))
    if code:
        raise SystemExit(f"{reader.command}: exit code {code} on the good file")
    shutil.rmtree(case)


def words(reader: Reader, case: Path) -> list[str]:
    places = {"file": case / reader.file, "folder": case, "out": case / "result"}
    return [part.format(**places) for part in shlex.split(reader.arguments)]


def try_case(reader: Reader, originals: Path, case: Path, rng: random.Random) -> str:
    """Run one case in `case`: "accepted", "refused", or what is wrong."""
    shutil.copytree(originals, case)
    mutation = rng.choice(reader.mutations)
    mutation(case / reader.file, rng)
    before = listing(case)
    code = run(reader, words(reader, case), case / "stdout", case / "stderr")
    told = (case / "stderr").read_text("utf-8", errors="replace")
    added = listing(case) - before - {case / "stdout", case / "stderr"}
    if any(path.name == TRACE for path in added):
        return f"{mutation.__name__}: code of the file ran"
    if code not in reader.codes:
        return f"{mutation.__name__}: {code}"
    if "Traceback" in told:
        return f"{mutation.__name__}: a traceback"
    if code == 2 and (told.count("\n") != 1 or added):
        return f"{mutation.__name__}: refused in {told.count(chr(10))} lines, leaving {sorted(map(str, added))}"
    return "refused" if code == 2 else "accepted"


def listing(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def run(reader: Reader, arguments: list[str], stdout: Path, stderr: Path) -> int | str:
    """The exit code of the command in a forked process, or how that process ended."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
        for number, path in ((1, stdout), (2, stderr)):  # not of Python alone: libraries write there, too
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
        try:
            code = reader.main(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 3
        except BaseException:
            import traceback

            traceback.print_exc()
            code = 3
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    end = time.monotonic() + WALL_SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return f"killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        time.sleep(0.005)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return f"no end within {WALL_SECONDS:g} seconds"


if __name__ == "__main__":
    sys.exit(main())
