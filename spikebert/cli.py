"""spikebert-train: distil a SpikeBERT from a BERT teacher, or fine-tune a teacher."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from spikebert.core.commands import Command, of_module, script
from spikebert.core.errors import InputError
from spikebert.data.columns import add_columns, add_labels
from spikebert.data.metrics import add_metric
from spikebert.data.tasks import PROBLEMS

PROGRAM = "spikebert-train"


def add_data(p: argparse.ArgumentParser) -> None:
    """What every training takes."""
    p.add_argument(
        "--task",
        required=True,
        help="a file of label<TAB>text lines, or label<TAB>text<TAB>text for pairs (.tsv; .csv with a header, .jsonl; "
        ".gz too), a folder with a train and a dev or validation file, a packaged task (tweets), or a data set of the "
        "Hugging Face hub (nyu-mll/glue:sst2)",
    )
    p.add_argument(
        "--dev",
        help="the file to measure on (default: the folder's dev file, or a tenth of the rows, which is then written to "
        "OUT/data/dev.jsonl)",
    )
    add_columns(p)
    add_labels(p)
    p.add_argument(
        "--problem",
        choices=PROBLEMS,
        default="auto",
        help="whether the labels are classes, or numbers that are predicted (a regression); auto: numbers, where all "
        "are and one has a part behind the point, such as 3.8 (default: %(default)s)",
    )
    add_metric(p, "matthews for GLUE's cola, f1 for its mrpc and qqp, spearman for numbers, else accuracy")
    p.add_argument(
        "--teacher",
        default="minilm",
        help="minilm (packaged), a folder or a hub name; one whose labels are the task's is fine-tuned for it already, "
        "and used as it is (default: %(default)s)",
    )
    p.add_argument("-o", "--out", required=True, help="the folder for the model; the same command resumes a killed run")
    p.add_argument("--limit", type=int, help="use only LIMIT training rows, drawn by the seed")
    p.add_argument("--batch-size", type=int, default=32, help="texts of a step of training (default: %(default)s)")
    p.add_argument("--seed", type=int, default=0, help="seed of all that is drawn (default: %(default)s)")
    p.add_argument(
        "--max-tokens", type=int, help="the longest text, in tokens (default: the preset's; of a teacher 128)"
    )
    p.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda"],
        default="auto",
        help="where to train; auto: a GPU where there is one",
    )
    p.add_argument(
        "--precision",
        choices=["float32", "bf16"],
        default="float32",
        help="precision of the matrix products; bf16 is faster on GPUs, and slower on most CPUs (default: %(default)s)",
    )


def add_teaching(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--teacher-epochs", type=int, default=2, help="epochs of the teacher's fine-tuning (default: %(default)s)"
    )
    p.add_argument(
        "--teacher-learning-rate",
        type=float,
        default=5e-5,
        help="learning rate of the teacher's fine-tuning (default: %(default)s)",
    )
    p.add_argument(
        "--teacher-pooling",
        choices=["first", "mean"],
        default="first",
        help="what the teacher classifies: its first token, as BERT does, or the mean of all, as sentence encoders, "
        "minilm among them, are read (default: %(default)s)",
    )


def add_shape(shape: argparse._ArgumentGroup) -> None:
    shape.add_argument(
        "--preset",
        choices=["tiny", "mini", "small", "base"],
        default="mini",
        help="size of the student; base is the paper's (default: %(default)s)",
    )
    shape.add_argument(
        "--norm",
        choices=["layer", "batch"],
        default="layer",
        help="norms of the student; batch folds away at export (default: %(default)s)",
    )
    shape.add_argument(
        "--reset",
        choices=["subtract", "zero"],
        default="subtract",
        help="reset of a neuron after a spike (default: %(default)s)",
    )
    shape.add_argument(
        "--residual",
        choices=["spikes", "membrane"],
        default="spikes",
        help="what a block adds to its stream: spikes, as in the paper, or currents, so that every product reads "
        "binary spikes and a chip does a fifth of the operations; membrane needs --norm batch (default: %(default)s)",
    )
    shape.add_argument("--time-steps", type=int, default=4, help="time steps, T (default: %(default)s)")
    shape.add_argument("--blocks", type=int, help="blocks of attention and MLP (default: the preset's)")
    shape.add_argument("--width", type=int, help="width D; the MLPs have 4 D inside (default: the preset's)")
    shape.add_argument("--heads", type=int, help="attention heads; must divide the width (default: the preset's)")
    shape.add_argument(
        "--levels",
        type=int,
        help="populations of embedding neurons, whose spikes add up: 2 or 3 tell in one time step what one tells in "
        "four (default: 1; --residual membrane has none: its stream begins as the embedding's current)",
    )
    shape.add_argument(
        "--vocabulary",
        type=lambda text: int(text) if text.isdecimal() else text,
        metavar="{whole,used,N}",
        default="whole",
        help="the word pieces that the finished student keeps: all of its teacher's, those that its training texts "
        "use, or the N that they use most often; other words are cut into kept pieces, and the file is smaller "
        "(default: %(default)s)",
    )
    shape.add_argument(
        "--beta",
        type=float,
        default=0.9,
        help="what a membrane keeps from step to step (default: %(default)s, the paper's); 0.75 and 0.5 leave no "
        "remainder in integers, so that floating-point tools agree with a chip in every spike",
    )


def add_stages(stages: argparse._ArgumentGroup) -> None:
    stages.add_argument(
        "--init",
        choices=["embeddings", "blocks"],
        default="embeddings",
        help="what starts from the teacher's weights; blocks: the embeddings and, of the layer that each block "
        "follows, its products; the student must be as wide as the teacher (default: %(default)s)",
    )
    stages.add_argument(
        "--stage1-epochs",
        type=int,
        default=1,
        help="epochs of stage 1, alignment on unlabelled text; 0 leaves it out (default: %(default)s)",
    )
    stages.add_argument(
        "--more-teachers",
        nargs="+",
        metavar="TEACHER",
        help="teachers of the same labels and tokenizer, fine-tuned with other seeds, whose class probabilities are "
        "averaged with those of --teacher for stage 2",
    )
    stages.add_argument(
        "--warm-start",
        metavar="MODEL",
        help="a finished model (model.nir, model.pt) to begin from, in place of stage 1; the student then has its "
        "shape. Or the folder of a finished run, whose student it begins from, with the shape that the options give",
    )
    stages.add_argument(
        "--skip-layers",
        type=int,
        default=0,
        metavar="N",
        help="blocks from the front whose features are not aligned, in both stages (default: none)",
    )
    stages.add_argument(
        "--corpus",
        help="unlabelled text for stage 1: a file, one text a line (.gz too), or a data set of the Hugging Face hub, "
        "streamed (Salesforce/wikitext:wikitext-2-raw-v1); default: the task's own",
    )
    stages.add_argument(
        "--corpus-limit", type=int, default=20_000, help="lines of --corpus, drawn by the seed (default: %(default)s)"
    )
    stages.add_argument(
        "--epochs", type=int, default=3, help="epochs of stage 2; 0: stage 1 alone (default: %(default)s)"
    )
    stages.add_argument(
        "--learning-rate", type=float, default=5e-4, help="learning rate of both stages (default: %(default)s)"
    )
    stages.add_argument(
        "--unlabelled",
        type=int,
        default=0,
        metavar="LINES",
        help="lines of --corpus that stage 2 learns, too, from the teacher alone (default: none)",
    )
    stages.add_argument(
        "--augment",
        type=int,
        default=0,
        metavar="COPIES",
        help="copies of each training text with words masked, replaced or left out, for stage 2 (default: none)",
    )
    stages.add_argument(
        "--cache-limit",
        type=float,
        default=8.0,
        metavar="GB",
        help="gigabytes of disk, in the run's folder, for the teacher's outputs of a stage of several epochs, which "
        "are then computed once; 0: compute them anew in each epoch (default: %(default)g)",
    )
    for name, value in (("feature", 0.1), ("embedding", 0.1), ("logits", 1.0), ("cross-entropy", 0.1)):
        stages.add_argument(
            f"--{name}-weight", type=float, default=value, help=f"weight of the {name} in eq. 8 (default: %(default)s)"
        )
    stages.add_argument(
        "--spikes-weight",
        type=float,
        default=0.0,
        help="weight of the mean firing rate: a price of spikes (default: none)",
    )
    stages.add_argument(
        "--operations-target",
        type=float,
        metavar="SHARE",
        help="synaptic operations per multiply-accumulate of a BERT of the student's shape, 0.12 for example, beyond "
        "which stage 2 pays for them; the number that the energy report prints (default: none is priced)",
    )
    stages.add_argument(
        "--operations-weight", type=float, default=1.0, help="weight of the operations beyond the target (default: 1)"
    )


def student_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Distil a SpikeBERT from a BERT teacher, in two stages.",
        epilog=f"'{PROGRAM} teacher --help' tells how to fine-tune a teacher alone, "
        f"'{PROGRAM} new-teacher --help' how to make one for a language without a BERT, "
        f"'{PROGRAM} baseline --help' how to train what it is compared with, '{PROGRAM} study --help' how to vary it, "
        f"'{PROGRAM} qat --help' how to train a model on for few weight bits. For example: "
        "spikebert train --task tweets --norm batch -o runs/tweets",
    )
    add_data(p)
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
    add_data(p)
    add_teaching(p)
    return p


def main(arguments: list[str] | None = None) -> int:
    return script(PROGRAM, COMMANDS, "train", arguments)


def run_teacher(options: argparse.Namespace) -> None:
    from spikebert.training.preparation import prepare
    from spikebert.training.settings import Settings

    settings = Settings(**vars(options))
    task = prepare(settings)  # before torch is loaded, which takes long
    from spikebert.training.pipeline import fine_tune

    fine_tune(settings, task)


def run_student(options: argparse.Namespace) -> None:
    from spikebert.model import hub
    from spikebert.training.preparation import prepare
    from spikebert.training.settings import settings_of

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
    "baseline": of_module("spikebert.baselines.cli"),
    "study": of_module("spikebert.study_cli"),
}


if __name__ == "__main__":
    sys.exit(main())
