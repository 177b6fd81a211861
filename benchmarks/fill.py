"""Fill a Markdown page with the output of the commands that stand in it.

    python benchmarks/fill.py docs/results.md [--only backends]

A command stands in a comment of its own, `<!-- $ COMMAND -->`; what lies between that and `<!-- end -->` is replaced
by what the command prints. Runs in the folder of the repository, with `sh`. A command that fails changes nothing. The
commands of a page share what they have measured: the folder in the variable FILL_SHARED, which goes when all are done.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from spikebert.core.errors import InputError, RunError, exit_cleanly
from spikebert.core.files import require_file, write_atomically

ROOT = Path(__file__).parents[1]
PLACE = re.compile(r"(<!-- \$ (?P<command>[^\n]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def output(command: str) -> str:
    print(f"$ {command}", file=sys.stderr, flush=True)
    done = subprocess.run(command, shell=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RunError(f"exit code {done.returncode} of: {command}")
    return done.stdout.strip("\n")


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("page", type=Path)
    p.add_argument("--only", default="", metavar="TEXT", help="run only the commands that hold this text")
    options = p.parse_args()

    def fill(match: re.Match[str]) -> str:
        if options.only not in match["command"]:
            return match[0]
        return f"{match[1]}{output(match['command'])}\n{match[3]}"

    def run() -> None:
        page = require_file(options.page, "Markdown page")
        with tempfile.TemporaryDirectory() as shared:
            os.environ["FILL_SHARED"] = shared
            text, places = PLACE.subn(fill, page.read_text("utf-8"))
        if not places:
            raise InputError(f"{page}: holds no command; see --help")
        write_atomically(page, lambda temporary: temporary.write_text(text, "utf-8"))

    return exit_cleanly("fill", run)


if __name__ == "__main__":
    sys.exit(main())
