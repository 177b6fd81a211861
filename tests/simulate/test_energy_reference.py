"""The reference's multiply-accumulates against a counter that watches a real torch BERT, and the paper's own tables."""

import json

import pytest

from simulate.energy import published
from simulate.energy.bert import BertShape, macs
from spikebert.core.errors import InputError


@pytest.mark.parametrize(("blocks", "hidden", "intermediate", "length"), [(1, 32, 64, 5), (3, 64, 100, 17)])
def test_macs_are_those_that_torch_counts_in_a_real_bert(blocks, hidden, intermediate, length):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import BertConfig, BertModel

    sizes = dict(num_hidden_layers=blocks, hidden_size=hidden, intermediate_size=intermediate, num_attention_heads=4)
    config = BertConfig(**sizes, vocab_size=50, attn_implementation="eager")
    counter = FlopCounterMode(display=False)
    model = BertModel(config, add_pooling_layer=False)
    with torch.no_grad(), counter:
        model(torch.arange(length)[None])
    assert macs(BertShape("", blocks, hidden, intermediate), [length]) == counter.get_total_flops() / 2


def test_the_reference_of_several_texts_is_the_sum_of_each():
    shape = BertShape("", 2, 8, 20)
    assert macs(shape, [3, 5]) == macs(shape, [3]) + macs(shape, [5])


def test_a_config_of_a_bert_is_read(tmp_path):
    sizes = {"num_hidden_layers": 6, "hidden_size": 384, "intermediate_size": 1536}
    (tmp_path / "config.json").write_text(json.dumps(sizes))
    shape = BertShape.read(tmp_path)
    assert (shape.blocks, shape.hidden, shape.intermediate) == (6, 384, 1536)
    # 6 · (4 · 384² + 2 · 384 · 1536)
    assert shape.weights == 10_616_832


NO_BLOCKS = '{"num_hidden_layers": 0, "hidden_size": 8, "intermediate_size": 8}'


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", NO_BLOCKS])
def test_what_is_no_config_is_refused_by_name(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json: "):
        BertShape.read(tmp_path)


@pytest.mark.parametrize("row", published.ROWS, ids=lambda row: row.dataset)
def test_the_papers_energies_follow_from_its_operations(row):
    # Within 0.1 %; the operations are rounded to 0.01, and 22.46 · 4.6 = 103.32 is stated as 103.38.
    assert published.price_of_bert(row) == pytest.approx(row.bert_energy, rel=1e-3)
    # What SOPs leave to the embedding differs from set to set; it is no multiple of tokens · D.
    assert 0.78 < published.embedding_operations(row) < 1.07


def test_the_mean_share_is_the_papers():
    assert 100 * published.mean_share() == pytest.approx(27.82, abs=0.02)
