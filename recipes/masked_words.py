"""A BERT that reads on: masked words of a corpus, so that it knows the task's kind of text before it is fine-tuned.

    python recipes/masked_words.py minilm --corpus film.txt.gz --lines 450000 --epochs 3 -o runs/film-bert
    spikebert-train teacher --task glue/sst2 --teacher runs/film-bert/model --teacher-pooling mean --out runs/sst2

No label is read (Gururangan et al. 2020, "Don't Stop Pretraining"). A run that is interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from spikebert.core.commands import Command, script_of_one
from spikebert.core.errors import InputError
from spikebert.core.log import say
from spikebert.core.options import require_least
from spikebert.new_teacher import FOLDER, write_bert
from spikebert.training.settings import Learning, Machine, Taught

NAME = "masked words"
MASKED = 0.15  # of the words are to be told
LEFT = 0.1  # of these stand as they are; the others are masked


@dataclass(frozen=True, kw_only=True)
class Reading(Taught, Learning, Machine):
    """All that decides a run: the BERT is `teacher`, and `unlabelled` are the lines of the corpus that it reads."""

    task: str = NAME


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("teacher", help="minilm (packaged), a folder or a hub name")
    p.add_argument("--corpus", required=True, help="unlabelled text, one a line (.gz too)")
    p.add_argument("--lines", type=int, default=400_000, help="lines of the corpus (default: %(default)s)")
    p.add_argument("--epochs", type=int, default=3, help="how often each line is read (default: %(default)s)")
    p.add_argument("--batch-size", type=int, default=128, help="lines a batch (default: %(default)s)")
    p.add_argument("--learning-rate", type=float, default=2e-4, help="learning rate (default: %(default)s)")
    p.add_argument("--max-tokens", type=int, default=64, help="longest line, in tokens (default: %(default)s)")
    p.add_argument("--seed", type=int, default=0, help="of lines, batches and masks (default: %(default)s)")
    p.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="(default: %(default)s)")
    p.add_argument("-o", "--out", required=True, help="the folder of the run; the BERT is in its folder model")
    return p


def main(arguments: list[str] | None = None) -> int:
    return script_of_one("masked_words", Command(parser, run), arguments)


def run(options: argparse.Namespace) -> None:
    require_least(1, lines=options.lines, epochs=options.epochs)
    settings = Reading(unlabelled=options.lines, **{k: v for k, v in vars(options).items() if k != "lines"})
    settings.check()
    settings.require_inputs()
    read_on(settings)


def read_on(settings: Reading) -> None:
    from spikebert.core.files import require_place
    from spikebert.training import teacher as teachers
    from spikebert.training.examples import unlabelled_examples
    from spikebert.training.loop import Schedule, train
    from spikebert.training.pipeline import computing, remember_teachers, require_positions
    from spikebert.training.run import Run
    from spikebert.training.texts import corpus_lines

    with Run(settings, NAME) as run:
        finished = run.folder / "model"
        if finished.exists():
            say(f"{finished} is finished; choose another --out to train anew")
            return
        require_place(finished, FOLDER)
        remember_teachers(settings, run)
        classifier, tokenizer, _ = teachers.load(settings.teacher, ["0", "1"], head=teachers.Head.UNUSED)
        if tokenizer.mask_token_id is None:
            raise InputError(f"{settings.teacher}: its tokenizer has no token for a masked word", field="teacher")
        require_positions(settings.max_tokens, classifier.config, settings)
        model = with_word_head(classifier, settings.seed)
        texts = corpus_lines(settings, run, settings.unlabelled)
        examples = unlabelled_examples(
            texts, tokenizer, settings.max_tokens or classifier.config.max_position_embeddings
        )
        schedule = Schedule(settings.epochs, settings.batch_size, settings.learning_rate, settings.seed)
        loss = loss_of(model, tokenizer.mask_token_id, tokenizer.all_special_ids)
        seconds = train(
            NAME, model, loss, examples, schedule, run.checkpoint("words"), run.metrics, **computing(settings)
        )

        write_bert(finished, model.bert.cpu(), tokenizer)
        run.clear()
    say(f"{finished}: {len(examples):,} lines read {settings.epochs} times in {seconds / 60:.0f} minutes")


def with_word_head(classifier, seed: int):
    """A BERT that tells masked words, and is fine-tuned for nothing: the classifier's layers below a new head."""
    import torch
    from transformers import BertForMaskedLM

    from spikebert.model.outputs import NO_CLASSES, name_outputs

    name_outputs(classifier.config, NO_CLASSES)
    torch.manual_seed(seed)
    model = BertForMaskedLM(classifier.config)
    model.bert.load_state_dict(classifier.bert.state_dict(), strict=False)  # its pooler is not needed
    model.tie_weights()
    return model


def loss_of(model, mask: int, special: Sequence[int]):
    """The loss of a batch: the cross entropy of the words that are to be told, which are drawn anew each time."""
    import torch
    from torch.nn.functional import cross_entropy

    from spikebert.training.loop import Batch

    def loss(batch: Batch) -> dict[str, torch.Tensor]:
        marks = torch.tensor(special, device=batch.tokens.device)
        words = ~torch.isin(batch.tokens, marks) & batch.mask.bool()
        drawn = torch.rand(batch.tokens.shape, device=batch.tokens.device)
        hidden = words & (drawn < MASKED)
        seen = batch.tokens.masked_fill(hidden & (drawn >= LEFT * MASKED), mask)
        states = model.bert(seen, batch.mask).last_hidden_state[hidden]
        total = cross_entropy(model.cls(states), batch.tokens[hidden], reduction="sum")
        return {"loss": total / hidden.sum().clamp(min=1)}  # of few short lines, perhaps no word was drawn

    return loss


if __name__ == "__main__":
    sys.exit(main())
