"""Export a preset with random weights: a model of full size for what needs its shape alone.

    python benchmarks/untrained.py [--preset base --norm batch --reset zero] runs/base-batch.nir

It knows nothing, and its firing rates mean nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from spikebert.core.errors import exit_cleanly
from spikebert.model.config import NORMS, RESETS, SpikeBertConfig
from spikebert.training.settings import PRESETS

VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "pre_tokenizer": {"type": "Whitespace"},
    "model": {"type": "WordLevel", "vocab": VOCABULARY, "unk_token": "[UNK]"},
}


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=Path)
    p.add_argument("--preset", choices=PRESETS, default="base")
    p.add_argument("--norm", choices=NORMS, default="batch")
    p.add_argument("--reset", choices=RESETS, default="zero")
    options = p.parse_args()

    def run() -> None:
        import torch

        from export.ir import nir
        from export.lower.pipeline import lower
        from spikebert.model.checkpoint import TrainedModel
        from spikebert.model.model import SpikeBertForSequenceClassification

        torch.manual_seed(0)
        config = SpikeBertConfig(norm=options.norm, reset=options.reset, **PRESETS[options.preset])
        model = SpikeBertForSequenceClassification(config).eval()
        trained = TrainedModel(model, json.dumps(TOKENIZER), ["negative", "positive"], {"task": "none: random weights"})
        graph = lower(trained)
        nir.write(graph, options.out)
        integers = sum(array.nbytes for node in graph for array in node.arrays.values() if array.dtype.kind == "i")
        size = options.out.stat().st_size
        print(
            f"{options.out}: {options.preset}, random weights, {options.norm} norm, reset {options.reset}: "
            f"{size / 1e6:.1f} MB, {size / integers:.2f} × the {integers / 1e6:.1f} MB of its integers"
        )

    return exit_cleanly("untrained", run)


if __name__ == "__main__":
    sys.exit(main())
