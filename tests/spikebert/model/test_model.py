"""The float model: padding is invisible, spikes are spikes, and files restore it."""

import pytest
import torch
from tokenizers import Tokenizer, models

from spikebert.core.errors import InputError
from spikebert.model.config import SpikeBertConfig
from spikebert.model.model import SpikeBertForSequenceClassification
from spikebert.model.packing import Packing
from spikebert.model.recording import record_spikes
from spikebert.training.settings import PRESETS

TOKENIZER = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).to_str()


def small_model(**values):
    torch.manual_seed(0)
    shape = dict(vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, max_tokens=32)
    return SpikeBertForSequenceClassification(SpikeBertConfig(**{**shape, **values})).eval()


def batch(width=12):
    torch.manual_seed(1)
    tokens, mask = torch.randint(0, 40, (3, width)), torch.ones(3, width, dtype=torch.long)
    mask[1, 5:] = 0
    mask[2, 1:] = 0
    return tokens, mask


@pytest.mark.parametrize("neighbours", [False, True])
@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_padding_a_batch_changes_no_prediction_and_no_spike(norm, reset, neighbours):
    model = small_model(norm=norm, reset=reset, neighbours=neighbours)
    tokens, mask = batch()
    padded = torch.nn.functional.pad(tokens, (0, 9), value=7)  # what stands on padding must not matter either
    with torch.no_grad(), record_spikes(model) as spikes:
        logits, first = model(tokens, mask).logits, dict(spikes)
        wider, second = model(padded, torch.nn.functional.pad(mask, (0, 9))).logits, dict(spikes)
    assert torch.equal(logits, wider)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_padding_is_in_no_statistic_of_the_batch_norm():
    tokens, mask = batch()
    normed = [small_model(norm="batch").train() for _ in range(2)]
    normed[0](tokens, mask)
    normed[1](torch.nn.functional.pad(tokens, (0, 5)), torch.nn.functional.pad(mask, (0, 5)))
    for a, b in zip(normed[0].buffers(), normed[1].buffers(), strict=True):
        assert torch.equal(a, b)


def test_every_neuron_layer_is_recorded_and_emits_zeros_and_ones():
    model = small_model()
    with torch.no_grad(), record_spikes(model) as spikes:
        model(*batch())
    assert len(spikes) == 1 + 2 * 5
    for name, train in spikes.items():
        assert train.shape[:2] == (4, 12 + 5 + 1), name
        assert set(train.unique().tolist()) <= {0.0, 1.0}, name


def test_the_levels_of_the_embedding_add_up_to_a_thermometer():
    model = small_model(embedding_levels=3, threshold=0.5)
    tokens, mask = batch()
    with torch.no_grad(), record_spikes(model) as spikes:
        _, stream = model.embeddings(tokens, Packing.from_mask(mask))
    trains = [spikes[f"embeddings.{name}"] for name in ("lif", "levels.0.lif", "levels.1.lif")]
    assert torch.equal(stream, sum(trains))
    rates = [float(train.mean()) for train in trains]
    assert rates[0] < rates[1] < rates[2]


def test_no_hook_stays_after_recording():
    model = small_model()
    with record_spikes(model):
        pass
    assert not any(m._forward_hooks for m in model.modules())


def test_every_parameter_gets_a_gradient():
    model = small_model(threshold=0.5, embedding_levels=2, neighbours=True).train()
    tokens, mask = batch()
    model(tokens, mask, labels=torch.tensor([0, 1, 0])).loss.backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert silent == []


def test_without_positions_the_order_of_the_words_is_lost():
    tokens, mask = batch()[0][:1], batch()[1][:1]
    turned = tokens.flip(1)
    blind, sighted = small_model(position_embeddings=False), small_model()
    with torch.no_grad():
        assert torch.allclose(blind(tokens, mask).logits, blind(turned, mask).logits, atol=1e-5)
        sighted.embeddings.position.weight.normal_()
        assert not torch.allclose(sighted(tokens, mask).logits, sighted(turned, mask).logits, atol=1e-5)


def beside(model, text):
    """What each token of a text is told of those beside it, token by token."""
    table, half = model.embeddings.neighbour.weight, model.config.hidden_size // 2
    rows = torch.zeros(len(text), 2 * half)
    for place in range(len(text)):
        if place > 0:
            rows[place, :half] = table[text[place - 1], :half]
        if place + 1 < len(text):
            rows[place, half:] = table[text[place + 1], half:]
    return rows


@pytest.mark.parametrize("pairs", [{}, {"separator": 7, "shared_words": True}], ids=["texts", "pairs"])
def test_each_token_is_told_of_those_beside_it_in_its_own_text_alone(pairs):
    model = small_model(neighbours=True, **pairs)
    tokens, mask = batch()
    tokens[0, 4] = 7
    with torch.no_grad():
        found = model.embeddings._beside(tokens, Packing.from_mask(mask))
        wanted = [beside(model, text[: int(length)]) for text, length in zip(tokens, mask.sum(1), strict=True)]
    assert torch.equal(found, torch.cat(wanted))


def test_a_text_of_one_token_is_told_of_none():
    model, packing = small_model(neighbours=True), Packing.from_mask(torch.ones(3, 1, dtype=torch.long))
    assert not model.embeddings._beside(torch.tensor([[5], [6], [7]]), packing).any()


def test_a_table_of_zeros_tells_nothing():
    model, plain = small_model(neighbours=True), small_model()
    torch.nn.init.zeros_(model.embeddings.neighbour.weight)
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if k != "embeddings.neighbour.weight"})
    with torch.no_grad():
        assert torch.equal(model(*batch()).logits, plain(*batch()).logits)


def test_the_tokens_beside_tell_the_order_of_the_words_where_there_are_no_positions():
    tokens, mask = batch()[0][:1], batch()[1][:1]
    model = small_model(position_embeddings=False, neighbours=True)
    with torch.no_grad():
        model.embeddings.neighbour.weight.normal_()
        assert not torch.allclose(model(tokens, mask).logits, model(tokens.flip(1), mask).logits, atol=1e-5)


def test_save_pretrained_and_from_pretrained_restore_the_model(tmp_path):
    model = small_model(norm="batch", reset="zero")
    model.save_pretrained(tmp_path)
    again = SpikeBertForSequenceClassification.from_pretrained(tmp_path).eval()
    assert again.config.norm == "batch"
    with torch.no_grad():
        assert torch.equal(model(*batch()).logits, again(*batch()).logits)


def test_the_base_preset_is_the_papers_shape():
    config = SpikeBertConfig(**PRESETS["base"])
    assert (config.num_hidden_layers, config.hidden_size, config.time_steps) == (12, 768, 4)
    assert (config.beta, config.threshold, config.attention_threshold) == (0.9, 1.0, 0.25)


@pytest.mark.parametrize(
    "values",
    [
        dict(hidden_size=10, num_attention_heads=3),
        dict(norm="group"),
        dict(reset="soft"),
        dict(beta=1.5),
        dict(embedding_levels=5),
        dict(neighbours=1),
        dict(neighbours=True, hidden_size=15, num_attention_heads=3),
    ],
)
def test_a_wrong_config_names_its_field(values):
    with pytest.raises(InputError, match=next(iter(values))):
        SpikeBertConfig(**values)
