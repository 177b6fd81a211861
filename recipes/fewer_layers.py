"""A BERT cut to its first layers: a network of the shape of a small student, to train as an ordinary one.

    python recipes/fewer_layers.py minilm --layers 1 -o runs/one-layer
    spikebert-train teacher --task glue/sst2 --teacher runs/one-layer --teacher-pooling mean --out runs/one-layer-sst2

The student that is to be compared with it has as many blocks, of the same width.
"""

from __future__ import annotations

import argparse
import sys

from spikebert.core.commands import Command, script_of_one
from spikebert.core.options import require_least
from spikebert.new_teacher import FOLDER, write_bert


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("teacher", help="minilm (packaged), a folder or a hub name")
    p.add_argument("--layers", type=int, default=1, help="layers that stay, from the first (default: %(default)s)")
    p.add_argument("-o", "--out", required=True, help="the folder of the cut network")
    return p


def run(options: argparse.Namespace) -> None:
    require_least(1, layers=options.layers)
    from spikebert.core.files import require_place
    from spikebert.model.outputs import NO_CLASSES, name_outputs
    from spikebert.training import teacher as teachers

    require_place(options.out, FOLDER, "--out")
    classifier, tokenizer, _ = teachers.load(options.teacher, ["0", "1"])
    model = classifier.bert
    model.encoder.layer = model.encoder.layer[: options.layers]
    model.config.num_hidden_layers = len(model.encoder.layer)
    name_outputs(model.config, NO_CLASSES)

    write_bert(options.out, model, tokenizer)
    print(f"{options.out}: {sum(p.numel() for p in model.parameters()):,} parameters")


def main(arguments: list[str] | None = None) -> int:
    return script_of_one("fewer_layers", Command(parser, run), arguments)


if __name__ == "__main__":
    sys.exit(main())
