"""The memory that a simulation takes, by the number of its texts: the peak of the command's own process.

    python benchmarks/memory.py examples/sst2/model.nir --data "$DATA/glue/sst2/train.tsv.gz" --texts 1 200000

The texts are those of the file, over and over. Predictions are printed as they come (`--format tsv`).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

from simulate.text import read_data
from spikebert.data.columns import Columns

COMMAND = "import sys; from simulate.cli import main; sys.exit(main())"


def peak_megabytes(model: Path, texts: list[str]) -> float:
    """Of a process that has run and ended; each call needs a process of its own to be the only child."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "texts.txt")
        data.write_text("".join(f"{text}\n" for text in texts), "utf-8")
        command = [sys.executable, "-c", COMMAND, str(model), "--data", str(data), "--truncate", "--format", "tsv"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=Path)
    p.add_argument("--data", required=True, help="a labelled file, whose texts are taken")
    p.add_argument("--texts", type=int, nargs="+", default=[1, 200_000], help="in rising order: a peak stays")
    options = p.parse_args()
    own = read_data(options.data, Columns(), None).texts
    for count in sorted(options.texts):
        texts = list(islice(cycle(own), count))
        print(f"{count:>9,} texts: {peak_megabytes(options.model, texts):4.0f} MB")


if __name__ == "__main__":
    main()
