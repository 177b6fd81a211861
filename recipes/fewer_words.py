"""A BERT with fewer words: the word pieces that the texts of a task, and others like them, use most often.

    python recipes/fewer_words.py minilm --task glue/sst2 --corpus film.txt.gz --pieces 12000 -o runs/few-words
    spikebert-train teacher --task glue/sst2 --teacher runs/few-words --teacher-pooling mean --out runs/sst2-teacher

A word whose own piece is gone is cut into shorter ones that are there, so no text is lost. A student has the words of
its teacher: its file is a third as large, and it learns with the words that it keeps. A teacher that is fine-tuned
already keeps its classes.
"""

from __future__ import annotations

import argparse
import sys

from spikebert.core.commands import Command, script_of_one
from spikebert.core.options import require_least
from spikebert.new_teacher import FOLDER, write_bert

SEED = 0  # of the lines that are drawn from a corpus


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("teacher", help="minilm (packaged), a folder or a hub name; with a WordPiece tokenizer")
    p.add_argument("--task", nargs="+", required=True, help="tasks whose training texts count")
    p.add_argument("--corpus", help="further texts that count, one a line")
    p.add_argument("--lines", type=int, default=100_000, help="lines of the corpus (default: %(default)s)")
    p.add_argument("--pieces", type=int, default=12_000, help="word pieces that stay (default: %(default)s)")
    p.add_argument("-o", "--out", required=True, help="the folder of the BERT with fewer words")
    return p


def run(options: argparse.Namespace) -> None:
    require_least(1, pieces=options.pieces, lines=options.lines)
    import json

    from tokenizers import Tokenizer
    from torch import nn
    from transformers import PreTrainedTokenizerFast

    from spikebert.core.files import require_place
    from spikebert.data.tasks import load_task, read_corpus
    from spikebert.model.outputs import NO_CLASSES, name_outputs
    from spikebert.training import teacher as teachers
    from spikebert.training.vocabulary import kept_pieces, renumbered

    require_place(options.out, FOLDER, "--out")
    texts = [row.text for name in options.task for row in load_task(name).train]
    texts += read_corpus(options.corpus, options.lines, SEED) if options.corpus else []
    classes = teachers.own_classes(options.teacher)
    classifier, tokenizer, fitted = teachers.load(options.teacher, classes, head=teachers.Head.UNUSED)
    whole = tokenizer.backend_tokenizer.to_str()
    kept = kept_pieces(whole, texts, options.pieces, field="pieces")
    fewer = Tokenizer.from_str(json.dumps(renumbered(json.loads(whole), kept)))
    own = PreTrainedTokenizerFast(tokenizer_object=fewer, **tokenizer.special_tokens_map)
    embeddings, config = classifier.bert.embeddings, classifier.config
    table = embeddings.word_embeddings.weight.detach()[kept]
    config.vocab_size, config.pad_token_id = len(kept), own.pad_token_id
    embeddings.word_embeddings = nn.Embedding.from_pretrained(table, padding_idx=own.pad_token_id)
    model = classifier if fitted else classifier.bert
    if not fitted:
        name_outputs(config, NO_CLASSES)

    write_bert(options.out, model, own)
    print(f"{options.out}: {len(kept):,} word pieces, {sum(p.numel() for p in model.parameters()):,} parameters")


def main(arguments: list[str] | None = None) -> int:
    return script_of_one("fewer_words", Command(parser, run), arguments)


if __name__ == "__main__":
    sys.exit(main())
