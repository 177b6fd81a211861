"""What a model reads beside the labelled texts of its task: lines of a corpus, and altered copies."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerFast

from spikebert.core.log import say
from spikebert.data.tasks import Task, digest_of, read_corpus
from spikebert.data.tokenizing import cut_at_tokens
from spikebert.training.run import Run
from spikebert.training.settings import Taught


def corpus_lines(settings: Taught, run: Run, count: int) -> list[str]:
    """`count` lines of `--corpus`, drawn by the seed, or all where it has fewer; the run remembers which they are."""
    assert settings.corpus
    texts = read_corpus(settings.corpus, count, settings.seed)
    if len(texts) < count:
        say(f"{settings.corpus}: all of its {len(texts)} texts are read, fewer than the {count} that were asked for")
    run.remember(f"corpus {count}", "corpus", settings.corpus, digest_of(texts))
    return texts


def more_texts(settings: Taught, run: Run, task: Task, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """What is learned beside the task, from teachers alone: lines of the corpus, and augmented texts."""
    texts: list[str] = []
    if settings.corpus and settings.unlabelled:
        texts = corpus_lines(settings, run, settings.unlabelled)
    if settings.augment:
        from spikebert.training.augment import Augmenter

        def cut(runs: Sequence[str]) -> list[list[str]]:
            return cut_at_tokens(tokenizer.backend_tokenizer.to_str(), runs, "the teacher's tokenizer")

        own, mask = (row.text for row in task.train), str(tokenizer.mask_token or "")
        texts += Augmenter(own, mask, settings.seed, task.pairs, cut).texts(settings.augment)
    if texts:
        say(f"{len(texts)} more texts without labels")
    return texts
