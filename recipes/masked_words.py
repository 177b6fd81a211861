"""A BERT that reads on: masked words of a corpus, so that it knows the task's kind of text before it is fine-tuned.

    python recipes/masked_words.py minilm --corpus film.txt.gz --lines 450000 --epochs 3 -o runs/film-bert
    spikebert-train teacher --task glue/sst2 --teacher runs/film-bert/model --teacher-pooling mean --out runs/sst2-teacher

No label is read (Gururangan et al. 2020, "Don't Stop Pretraining"). A run that is interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from spikebert.core.errors import exit_cleanly
from spikebert.core.options import require_least
from spikebert.new_teacher import FOLDER

MASKED = 0.15  # of the words are to be told
LEFT = 0.1  # of these stand as they are; the others are masked


def main() -> int:
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
    options = p.parse_args()

    def run() -> None:
        require_least(1, lines=options.lines, epochs=options.epochs, batch_size=options.batch_size)
        read_on(options)

    return exit_cleanly("masked_words", run)


def read_on(options: argparse.Namespace) -> None:
    import torch
    from transformers import BertForMaskedLM

    from spikebert.core.files import require_place, write_folder_atomically
    from spikebert.data.tasks import read_corpus
    from spikebert.model.outputs import NO_CLASSES, name_outputs
    from spikebert.training import teacher as teachers
    from spikebert.training.device import choose
    from spikebert.training.examples import unlabelled_examples
    from spikebert.training.loop import Batch, Metrics, Schedule, train

    run = Path(options.out)
    require_place(run / "model", FOLDER, "--out")
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    classifier, tokenizer, _ = teachers.load(options.teacher, ["0", "1"], head=teachers.Head.UNUSED)
    name_outputs(classifier.config, NO_CLASSES)
    model = BertForMaskedLM(classifier.config)
    model.bert.load_state_dict(classifier.bert.state_dict(), strict=False)  # its pooler is not needed
    model.tie_weights()
    texts = read_corpus(options.corpus, options.lines, options.seed)
    examples = unlabelled_examples(texts, tokenizer, options.max_tokens)
    mask, special = tokenizer.mask_token_id, torch.tensor(tokenizer.all_special_ids)

    def loss(batch: Batch) -> dict[str, torch.Tensor]:
        words = ~torch.isin(batch.tokens, special.to(batch.tokens.device)) & batch.mask.bool()
        drawn = torch.rand(batch.tokens.shape, device=batch.tokens.device)
        hidden = words & (drawn < MASKED)
        seen = batch.tokens.masked_fill(hidden & (drawn >= LEFT * MASKED), mask)
        states = model.bert(seen, batch.mask).last_hidden_state[hidden]
        return {"loss": torch.nn.functional.cross_entropy(model.cls(states), batch.tokens[hidden])}

    schedule = Schedule(options.epochs, options.batch_size, options.learning_rate, options.seed)
    metrics = Metrics(run / "metrics.jsonl")
    seconds = train(
        "masked words", model, loss, examples, schedule, run / "words.checkpoint", metrics, device=choose(options.device)
    )

    def write(folder: Path) -> None:
        model.bert.cpu().save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    write_folder_atomically(run / "model", FOLDER, write)
    (run / "words.checkpoint").unlink()
    print(f"{run / 'model'}: {len(examples):,} lines read {options.epochs} times in {seconds / 60:.0f} minutes")


if __name__ == "__main__":
    sys.exit(main())
