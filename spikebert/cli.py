"""spikebert-train: distil a SpikeBERT from a BERT teacher, or fine-tune a teacher."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from spikebert.core.commands import Command, of_module, script
from spikebert.core.declared import adder
from spikebert.core.errors import InputError
from spikebert.data.columns import add_columns, add_labels
from spikebert.data.metrics import add_metric
from spikebert.training.settings import (
    LossWeights,
    RunSettings,
    Settings,
    Shape,
    Taught,
    TeacherSettings,
    Teaching,
    settings_of,
)

PROGRAM = "spikebert-train"


Parser = argparse.ArgumentParser | argparse._ArgumentGroup


def add_run(p: Parser) -> None:
    """What every training takes."""
    add = adder(p, RunSettings)
    add(
        "task",
        "a file of label<TAB>text lines, or label<TAB>text<TAB>text for pairs (.tsv; .csv with a header, .jsonl; .gz "
        "too), a folder with a train and a dev or validation file, a packaged task (tweets), or a data set of the "
        "Hugging Face hub (nyu-mll/glue:sst2)",
    )
    add(
        "dev",
        "the file to measure on (default: the folder's dev file, or a tenth of the rows, which is then written to "
        "OUT/data/dev.jsonl)",
    )
    add_columns(p)
    add(
        "problem",
        "whether the labels are classes, or numbers that are predicted (a regression); auto: numbers, where all are "
        "and one has a part behind the point, such as 3.8; auto refuses data with more than half as many labels as "
        "texts",
    )
    add_labels(p)
    add("out", "the folder for the model; the same command resumes a killed run", "-o")
    add("limit", "use only LIMIT training rows, drawn by the seed")
    add("batch_size", "texts of a step of training")
    add("seed", "seed of all that is drawn")


def add_source(p: Parser) -> None:
    """What a model takes that is made from a teacher."""
    add_metric(p, "matthews for GLUE's cola, f1 for its mrpc and qqp, spearman for numbers, else accuracy")
    add = adder(p, TeacherSettings)
    add(
        "teacher",
        "minilm (packaged), a folder or a hub name; one whose labels are the task's is fine-tuned for it already, and "
        "used as it is",
    )
    add("max_tokens", "the longest text, in tokens (default: the preset's; of a teacher 128)")
    add("device", "where to train; auto: a GPU where there is one")
    add(
        "precision",
        (
            "precision of the matrix products in training; bf16 is faster on GPUs and on CPUs that have it "
            "(AVX512-BF16), and slower on others"
        ),
    )


def add_teaching(p: Parser) -> None:
    add = adder(p, Teaching)
    add("teacher_epochs", "epochs of the teacher's fine-tuning")
    add("teacher_learning_rate", "learning rate of the teacher's fine-tuning")
    add(
        "teacher_pooling",
        "what the teacher classifies: its first token, as BERT does, or the mean of all, as sentence encoders, minilm "
        "among them, are read",
    )


def add_shape(p: Parser) -> None:
    add = adder(p, Shape)
    add("preset", "size of the student; base is the paper's")
    add("norm", "norms of the student; batch folds away at export")
    add("reset", "reset of a neuron after a spike")
    add(
        "residual",
        "what a block adds to its stream: spikes, as in the paper, or currents, so that every product reads binary "
        "spikes and a chip does a fifth of the operations; membrane needs --norm batch",
    )
    add("time_steps", "time steps, T")
    add("blocks", "blocks of attention and MLP (default: the preset's)")
    add("width", "width D; the MLPs have 4 D inside (default: the preset's)")
    add("heads", "attention heads; must divide the width (default: the preset's)")
    add(
        "neighbours",
        "a second table of words, by which the embedding of a token tells of the tokens beside it, too: the host looks "
        "it up, and the chip does no more",
    )
    add(
        "attention_only",
        "blocks of attention alone, without an MLP: a third of the synapses, and about half of the operations",
    )
    add(
        "levels",
        "populations of embedding neurons, whose spikes add up: 2 or 3 tell in one time step what one tells in four "
        "(default: 1; --residual membrane has none: its stream begins as the embedding's current)",
        default=None,
    )
    add(
        "vocabulary",
        "the word pieces that the finished student keeps: all of its teacher's, those that its training texts use, or "
        "the N that they use most often; other words are cut into kept pieces, and the file is smaller",
        type=lambda text: int(text) if text.isdecimal() else text,
        metavar="{whole,used,N}",
    )
    add(
        "beta",
        "what a membrane keeps from step to step (default: %(default)s, the paper's); 0.75 and 0.5 leave no remainder "
        "in integers, so that floating-point tools agree with a chip in every spike",
    )


def add_taught(p: Parser) -> None:
    """What is learned from teachers beside the labels."""
    add = adder(p, Taught)
    add(
        "more_teachers",
        "teachers of the same labels and tokenizer, fine-tuned with other seeds or of n-grams, whose class "
        "probabilities are averaged with those of --teacher",
        metavar="TEACHER",
    )
    add(
        "corpus",
        "unlabelled text: a file, one text a line (.gz too), or a data set of the Hugging Face hub, streamed "
        "(Salesforce/wikitext:wikitext-2-raw-v1); stage 1 reads it, without it the task's own texts",
    )
    add(
        "unlabelled",
        "lines of --corpus that are learned beside the task, from the teachers alone (default: none)",
        metavar="LINES",
    )
    add(
        "augment",
        "copies of each training text with words masked, replaced or left out, learned from the teachers alone "
        "(default: none)",
        metavar="COPIES",
    )


def add_stages(p: Parser) -> None:
    add = adder(p, Settings)
    add_taught(p)
    add(
        "init",
        "what starts from the teacher's weights; blocks: the embeddings and, of the layer that each block follows, "
        "its products; the student must be as wide as the teacher",
    )
    add("stage1_epochs", "epochs of stage 1, alignment on unlabelled text; 0 leaves it out")
    add(
        "warm_start",
        "a finished model (model.nir, model.pt) to begin from, in place of stage 1; the student then has its shape. "
        "Or the folder of a finished run, whose student it begins from, with the shape that the options give. "
        "--neighbours and --attention-only may be new in both",
        metavar="MODEL",
    )
    add(
        "skip_layers",
        "blocks from the front whose features are not aligned, in both stages (default: none)",
        metavar="N",
    )
    add("corpus_limit", "lines of --corpus for stage 1, drawn by the seed")
    add("epochs", "epochs of stage 2; 0: stage 1 alone")
    add("learning_rate", "learning rate of both stages")
    add(
        "cache_limit",
        "gigabytes of disk, in the run's folder, for the teacher's outputs of a stage of several epochs, which are "
        "then computed once; 0: compute them anew in each epoch (default: %(default)g)",
        metavar="GB",
    )
    add_weight = adder(p, LossWeights, "_weight")
    for name in ("feature", "embedding", "logits", "cross_entropy"):
        add_weight(name, f"weight of the {name.replace('_', '-')} in eq. 8")
    add_weight("spikes", "weight of the mean firing rate: a price of spikes (default: none)")
    add(
        "operations_target",
        "synaptic operations per multiply-accumulate of a BERT of the student's shape, 0.12 for example, beyond which "
        "stage 2 pays for them; the number that the energy report prints (default: none is priced)",
        metavar="SHARE",
    )
    add_weight("operations", "weight of the operations beyond the target (default: 1)")


def student_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Distil a SpikeBERT from a BERT teacher, in two stages.",
        epilog=f"'{PROGRAM} teacher --help' tells how to fine-tune a teacher alone, "
        f"'{PROGRAM} new-teacher --help' how to make one for a language without a BERT, "
        f"'{PROGRAM} ngram-teacher --help' how to make one of n-grams, "
        f"'{PROGRAM} baseline --help' how to train what it is compared with, '{PROGRAM} study --help' how to vary it, "
        f"'{PROGRAM} qat --help' how to train a model on for few weight bits. For example: "
        "spikebert train --task tweets --norm batch -o runs/tweets",
    )
    add_run(p)
    add_source(p)
    p.add_argument(
        "--push-to-hub",
        metavar="OWNER/NAME",
        help="the model on the Hugging Face hub that the finished one becomes, with its card; a model that is finished "
        "already is pushed as it is",
    )
    add_teaching(p)
    add_shape(p.add_argument_group("the student"))
    add_stages(p.add_argument_group("the stages"))
    return p


def teacher_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} teacher",
        description="Fine-tune a BERT teacher for a task.",
        epilog="For example: spikebert teacher --task films.tsv --teacher runs/bert -o runs/teacher",
    )
    add_run(p)
    add_source(p)
    add_teaching(p)
    return p


def main(arguments: list[str] | None = None) -> int:
    return script(PROGRAM, COMMANDS, "train", arguments)


def run_teacher(options: argparse.Namespace) -> None:
    from spikebert.training.preparation import prepare

    settings = TeacherSettings(**vars(options))
    task = prepare(settings)  # before torch is loaded, which takes long
    from spikebert.training.pipeline import fine_tune

    fine_tune(settings, task)


def run_student(options: argparse.Namespace) -> None:
    from spikebert.model import hub
    from spikebert.training.preparation import prepare

    name = vars(options).pop("push_to_hub")
    settings = settings_of(**vars(options))
    task = prepare(settings)  # before torch is loaded, which takes long
    if name:
        hub.require(name)
        if not settings.epochs:
            raise InputError(f"{name}: there is no model to push after stage 1 alone", field="push_to_hub")
    from spikebert.training import processes
    from spikebert.training.pipeline import distil

    distil(settings, task)
    if name and processes.is_main():
        hub.push(Path(options.out) / "model", name)


COMMANDS = {
    "train": Command(student_parser, run_student),
    "teacher": Command(teacher_parser, run_teacher),
    "new-teacher": of_module("spikebert.new_teacher"),
    "ngram-teacher": of_module("spikebert.ngram_teacher"),
    "baseline": of_module("spikebert.baselines.cli"),
    "study": of_module("spikebert.study_cli"),
}


if __name__ == "__main__":
    sys.exit(main())
