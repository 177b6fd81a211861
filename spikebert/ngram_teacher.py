"""spikebert-train ngram-teacher: a classifier of character n-grams, to teach beside a BERT."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikebert.cli import PROGRAM
from spikebert.core.errors import InputError
from spikebert.core.files import Kind, names_format, require_place, write_folder_atomically
from spikebert.core.options import require_least, require_seed
from spikebert.data.columns import add_columns, add_labels, columns_of, labels_of
from spikebert.data.metrics import add_metric, chosen
from spikebert.training.teacher_folder import CONFIG, NGRAMS, WEIGHTS

FOLDER = Kind("a teacher of n-grams", (CONFIG, WEIGHTS), names_format(NGRAMS, field="model_type"))


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} ngram-teacher",
        description="Fit a logistic regression to the character n-grams of a task, weighed by TF-IDF: a teacher that "
        f"stands beside a BERT ('{PROGRAM} --more-teachers'). It takes seconds. Where no pre-trained BERT is at hand, "
        "it is as good as a BERT of the task's own text, and the mean of both is better.",
        epilog="For example: spikebert ngram-teacher --task texts.tsv --teacher runs/bert -o runs/ngrams",
    )
    p.add_argument("--task", required=True, help="the task, as for training; its classes must be named")
    add_columns(p)
    add_labels(p)
    add_metric(p, "the task's usual one")
    p.add_argument("--teacher", required=True, help="the BERT beside which it is to stand: it reads this one's tokens")
    p.add_argument("--max-tokens", type=int, default=128, help="the longest text, in tokens (default: %(default)s)")
    p.add_argument("--characters", type=int, default=3, help="characters of the longest n-gram (default: %(default)s)")
    p.add_argument("--seed", type=int, default=0, help="seed of the folds by which the regularisation is chosen")
    p.add_argument(
        "-o", "--out", required=True, help="the folder; a teacher that this command wrote there before is replaced"
    )
    return p


def run(options: argparse.Namespace) -> None:
    require_least(3, max_tokens=options.max_tokens)
    require_least(1, characters=options.characters)
    require_seed(options.seed)
    from spikebert.data.summary import announce
    from spikebert.data.tasks import load_task, with_labels
    from spikebert.training.teacher_folder import require

    require(options.teacher)
    task = with_labels(load_task(options.task, columns=columns_of(options)), labels_of(options))
    if task.regression:
        raise InputError(f"{options.task}: its labels are numbers, and n-grams are weighed for classes", field="task")
    metric = chosen(options.metric, task.name, task.labels)
    require_place(options.out, FOLDER, "--out")
    announce(task)

    def write(folder: Path) -> None:
        from spikebert.training import ngrams, teacher
        from spikebert.training.examples import examples_of, separator_of
        from spikebert.training.measuring import measure

        bert, tokenizer, _ = teacher.load(options.teacher, task.labels, head=teacher.Head.UNUSED)
        separator = separator_of(task, tokenizer, bert.config)
        train, dev = (
            examples_of(part, task.labels, tokenizer, options.max_tokens, separator) for part in (task.train, task.dev)
        )
        fitted = ngrams.fit(train, tokenizer, options.characters, options.seed)
        found = measure(lambda batch: fitted(batch.tokens, batch.mask).logits, dev, metric, task.labels)
        ngrams.save(folder, fitted, task.labels)
        print(f"{options.out}: {len(fitted.terms):,} n-grams; {found} on {len(dev)} dev texts")

    write_folder_atomically(Path(options.out), FOLDER, write)
