"""spikebert-train new-teacher: a tokenizer of the user's own text and an untrained BERT, for languages without one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from spikebert.cli import PROGRAM
from spikebert.core.errors import InputError
from spikebert.core.files import Kind, write_folder_atomically
from spikebert.core.options import require_folder, require_least, require_most, require_seed
from spikebert.data.columns import add_columns, columns_of
from spikebert.model.limits import BLOCKS_MAX, WIDTH_MAX

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
FOLDER = Kind(
    "a new teacher",
    (
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ),
)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} new-teacher",
        description="Make a folder with an untrained BERT and a tokenizer (byte pair encoding) of the given text, for "
        f"a language that no BERT at hand knows. '{PROGRAM} teacher --teacher FOLDER' trains it. It has seen no other "
        "text: a BERT that was pre-trained on the language, where there is one, is much better.",
        epilog="For example: spikebert new-teacher --task texts.tsv -o runs/bert",
    )
    p.add_argument("--task", required=True, help="the task, as for training; its training texts alone are read")
    add_columns(p)
    p.add_argument("--corpus", help="unlabelled text, one a line (.gz too), for the tokenizer as well")
    p.add_argument("--vocabulary", type=int, default=8000, help="tokens of the tokenizer (default: %(default)s)")
    p.add_argument("--width", type=int, default=256, help="width; a multiple of 64 (default: %(default)s)")
    p.add_argument("--layers", type=int, default=2, help="layers (default: %(default)s)")
    p.add_argument(
        "--dropout", type=float, default=0.3, help="share of values left out in training (default: %(default)s)"
    )
    p.add_argument("--seed", type=int, default=0, help="seed of the weights (default: %(default)s)")
    p.add_argument(
        "-o", "--out", required=True, help="the folder; a model that this command wrote there before is replaced"
    )
    return p


def run(options: argparse.Namespace) -> None:
    require_least(100, vocabulary=options.vocabulary)
    require_least(64, width=options.width)
    require_least(1, layers=options.layers)
    require_most(WIDTH_MAX, width=options.width)
    require_most(BLOCKS_MAX, layers=options.layers)
    require_folder(options.out)
    require_seed(options.seed)
    if options.width % 64:
        raise InputError(f"--width {options.width}: must be a multiple of 64, the width of an attention head")
    if not 0 <= options.dropout < 1:
        raise InputError(f"--dropout {options.dropout}: must lie in [0, 1)")
    from spikebert.core.files import require_file, require_place
    from spikebert.data.lines import read_lines
    from spikebert.data.tasks import load_task

    require_place(options.out, FOLDER, "--out")
    texts = [row.text for row in load_task(options.task, columns=columns_of(options)).train]
    if options.corpus:
        texts += [line for _, line in read_lines(require_file(options.corpus, "corpus"))]

    import torch
    from transformers import BertConfig, BertForSequenceClassification

    tokenizer = train_tokenizer(texts, options.vocabulary)
    torch.manual_seed(options.seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=options.width,
        num_hidden_layers=options.layers,
        num_attention_heads=options.width // 64,
        intermediate_size=4 * options.width,
        max_position_embeddings=256,
        hidden_dropout_prob=options.dropout,
        attention_probs_dropout_prob=options.dropout,
    )
    write_bert(options.out, BertForSequenceClassification(config), tokenizer)
    print(f"{options.out}: {len(tokenizer)} tokens of {len(texts)} texts, an untrained BERT")


def write_bert(out: str | Path, model: Any, tokenizer: Any) -> None:
    """Write the folder of a BERT and its tokenizer, whole or not at all."""
    from spikebert.model.pretrained import save_pretrained

    write_folder_atomically(Path(out), FOLDER, lambda folder: save_pretrained(folder, model, tokenizer))


def train_tokenizer(texts: list[str], vocabulary: int):
    """Byte pair encoding over words and punctuation; Chinese is not cut into characters first, so that frequent words
    become tokens. `[CLS]` and `[SEP]` stand around each text, as in BERT. A PreTrainedTokenizerFast."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(handle_chinese_chars=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, min_frequency=3, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    ends = [(token, SPECIAL.index(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    names = {f"{token[1:-1].lower()}_token": token for token in SPECIAL}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
