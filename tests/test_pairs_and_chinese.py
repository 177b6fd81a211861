"""Sentence pairs and Chinese texts go where English sentences go: every simulator, the bundle, the C reference."""

import subprocess
from dataclasses import replace

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from deploy.cli import main as deploy
from export.ir import nir
from simulate.cli import main as simulate
from simulate.text import encode
from tests.deploy.bundle.test_c_reference import CC
from tests.random_graph import random_graph

CHINESE = ["味道很好吃,送餐很快", "送餐太慢,味道很难吃", "非常满意"]
PAIRS = ["a good film\ta fine film", "bad\ta very good film", "a film\ta film"]
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def model(texts, labels, separator, shared_words, neighbours):
    """A model whose vocabulary holds every word, or Chinese character, of some texts."""
    words = sorted({word for text in texts for word in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(text)})
    singles = sorted({piece for word, _ in words for piece in ([*word] if not word.isascii() else [word])})
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(MARKS + singles)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()  # which parts Chinese characters
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    graph = random_graph(
        norm="batch",
        reset="zero",
        residual="membrane",
        blocks=1,
        steps=2,
        vocabulary=60,
        max_tokens=24,
        labels=2,
        separator=separator,
        shared_words=shared_words,
        neighbours=neighbours,
    )
    return replace(graph, tokenizer=tokenizer.to_str(), labels=labels)


CASES = {
    "pairs": (PAIRS, ("no", "yes"), 3, 0, False),
    "pairs that share words": (PAIRS, ("no", "yes"), 3, 1, True),
    "chinese": (CHINESE, ("差评", "好评"), -1, 0, False),
    "chinese with neighbours": (CHINESE, ("差评", "好评"), -1, 0, True),
}


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    """(model file, data file, texts)"""
    texts, labels, *fields = CASES[request.param]
    graph = model(texts, labels, *fields)
    nir.write(graph, tmp_path / "model.nir")
    rows = [f"{labels[i % 2]}\t{text}\n" for i, text in enumerate(texts)]
    (tmp_path / "dev.tsv").write_text("".join(rows), "utf-8")
    return tmp_path / "model.nir", tmp_path / "dev.tsv", texts


def test_every_character_and_both_texts_are_tokens(case):
    path, _, texts = case
    graph = nir.read(path)
    found = encode(graph, texts, "text")
    assert all(1 not in tokens for tokens in found)  # nothing is unknown
    assert len(set(map(len, found))) > 1


def test_all_simulators_agree(case):
    path, data, _ = case
    assert simulate(["verify", str(path), "--data", str(data)]) == 0


@pytest.mark.skipif(CC is None, reason="no C compiler here")
def test_the_bundle_verifies_and_its_c_reference_gives_the_same_spikes(case, tmp_path):
    path, data, _ = case
    bundle, program = tmp_path / "bundle", tmp_path / "reference"
    assert deploy(["bundle", str(path), "--data", str(data), "--golden", "3", "-o", str(bundle)]) == 0
    assert deploy(["verify", str(bundle), "--no-lava"]) == 0
    subprocess.run([CC, "-std=c99", "-O1", "-o", program, bundle / "reference" / "reference.c"], check=True)
    done = subprocess.run(
        [program, bundle / "reference/model.bin", bundle / "reference/golden.bin"], text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
