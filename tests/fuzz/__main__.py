"""Damaged and hostile files through every command that reads files.

    python -m tests.fuzz --count 2000

Each case takes a good file, changes it, and runs a command on it in a process of its own. The command must end in time
with exit code 0 or 2, without a traceback; with 2 it says why in one line and leaves no output. The file of a
case that fails is kept.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from tests.fuzz import mutations
from tests.fuzz.originals import write_originals

SECONDS = 30.0  # that a command may take: any of them ends within one


class Reader(NamedTuple):
    """A command on a file: `main` gets the arguments, in which {file} and {out} stand for paths."""

    command: str
    main: Callable[[list[str]], int]
    file: str  # the original that is changed
    arguments: str
    mutations: tuple[Callable, ...]


def readers() -> list[Reader]:
    from deploy.cli import main as deploy
    from export.cli import main as export
    from simulate.cli import main as simulate
    from simulate.report.cli import main as report

    of_bytes = mutations.OF_BYTES
    foreign = (*of_bytes, *mutations.OF_HDF5)
    nir = (*foreign, *mutations.OF_GRAPHS)
    json = (*of_bytes, *mutations.OF_JSON)
    return [
        Reader("simulate", simulate, "model.nir", "{file} --text 'a good film' --out {out}", nir),
        Reader("export .nir", export, "model.nir", "{file} --to nir -o {out}", nir),
        Reader("resources", deploy, "model.nir", "resources {file}", nir),
        Reader("foreign", simulate, "foreign.nir", "{file} --input {folder}/spikes.npy --out {out}", foreign),
        Reader("foreign export", export, "foreign.nir", "{file} --to nir -o {out}", foreign),
        Reader("foreign input", simulate, "spikes.npy", "{folder}/foreign.nir --input {file} --out {out}", of_bytes),
        Reader("export .pt", export, "model.pt", "{file} --to nir -o {out}", of_bytes),
        Reader(
            "simulate --data", simulate, "texts.tsv", "{folder}/model.nir --data {file} --out {out}", mutations.OF_BYTES
        ),
        Reader("report", report, "run/counts.json", "{folder}/run -o {out}.md", json),
    ]


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--count", type=int, default=2000, help="cases (default: %(default)s)")
    p.add_argument("--seed", type=int, default=0)
    options = p.parse_args()
    faults, outcomes = [], Counter()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        originals = Path(folder) / "originals"
        write_originals(originals)
        commands = readers()
        for number in range(options.count):
            reader = commands[number % len(commands)]
            case = Path(folder) / "case"
            outcome = try_case(reader, originals, case, random.Random(f"{options.seed} {number}"))
            outcomes[reader.command, outcome if outcome in ("accepted", "refused") else "FAULT"] += 1
            if outcome not in ("accepted", "refused"):
                kept = Path(tempfile.mkdtemp(prefix=f"fuzz-fault-{number}-"))
                shutil.copytree(case, kept, dirs_exist_ok=True)
                faults.append(f"case {number}, {reader.command}: {outcome}; kept in {kept}")
                print(faults[-1], file=sys.stderr, flush=True)
            shutil.rmtree(case)
    for (command, outcome), count in sorted(outcomes.items()):
        print(f"{command:<18}{outcome:<10}{count:>6}")
    print(f"{options.count} cases, {len(faults)} faults")
    return 1 if faults else 0


def try_case(reader: Reader, originals: Path, case: Path, rng: random.Random) -> str:
    """Run one case in `case`: "accepted", "refused", or what is wrong."""
    shutil.copytree(originals, case)
    file, out = case / reader.file, case / "result"
    mutation = rng.choice(reader.mutations)
    mutation(file, rng)
    arguments = [part.format(file=file, folder=case, out=out) for part in shlex.split(reader.arguments)]
    before = listing(case)
    code = run(reader, arguments, case / "stdout", case / "stderr")
    told = (case / "stderr").read_text("utf-8", errors="replace")
    added = listing(case) - before - {case / "stdout", case / "stderr"}
    if code not in (0, 2):
        return f"{mutation.__name__}: {code}"
    if "Traceback" in told:
        return f"{mutation.__name__}: a traceback"
    if code == 2 and (told.count("\n") != 1 or added):
        return f"{mutation.__name__}: refused in {told.count(chr(10))} lines, leaving {sorted(map(str, added))}"
    return "refused" if code else "accepted"


def listing(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def run(reader: Reader, arguments: list[str], stdout: Path, stderr: Path) -> int | str:
    """The exit code of the command in a forked process, or how that process ended."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        with stdout.open("w") as out, stderr.open("w") as err, redirect_stdout(out), redirect_stderr(err):
            try:
                code = reader.main(arguments)
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 3
            except BaseException:
                import traceback

                traceback.print_exc(file=err)
                code = 3
        os._exit(code)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return f"killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        time.sleep(0.005)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return f"no end within {SECONDS:g} seconds"


if __name__ == "__main__":
    sys.exit(main())
