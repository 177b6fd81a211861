"""A real run folder of a small random model on three labelled texts: what the reports are made from."""

from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers

from export.ir import nir
from simulate.cli import main as simulate
from tests.random_graph import random_graph

WORDS = ["[UNK]", "good", "bad", "film", "a", "very"]
DATA = "label0\ta good film\nlabel1\ta very bad film\nlabel1\tbad\n"


def example_run(folder: Path, labelled: bool = True, to: tuple[str, ...] = (), **shape) -> Path:
    """`folder`/run as spikebert-simulate writes it, spikes included, and in the forms `to`, too.

    `shape` goes to `random_graph`.
    """
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    nir.write(replace(random_graph(**shape), tokenizer=tokenizer.to_str()), folder / "model.nir")
    (folder / "dev.tsv").write_text(DATA, "utf-8")
    texts = ["--data", str(folder / "dev.tsv")] if labelled else ["--text", "a good film"]
    forms = [word for form in to for word in ("--to", form)]
    command = [str(folder / "model.nir"), *texts, "--out", str(folder / "run"), "--spikes", "--trace", "1", *forms]
    assert simulate(command) == 0
    return folder / "run"
