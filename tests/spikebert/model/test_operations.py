"""The price of operations in training is what the counts of the exported model say."""

import numpy as np
import pytest
import torch

from export.lower.pipeline import lower
from simulate.counts import counts_of
from simulate.energy.bert import BertShape, macs
from simulate.fast import FastSimulator
from spikebert.model.operations import cheaper_order, record_operations
from spikebert.model.operations import macs as macs_of_batch
from spikebert.model.recording import record_spikes
from tests.export.lower.test_lower import model_with_character


@pytest.mark.parametrize("residual", ["spikes", "membrane"])
@pytest.mark.parametrize("steps", [1, 3])
def test_the_operations_of_a_batch_are_those_that_the_exported_model_is_counted_with(residual, steps):
    trained = model_with_character(norm="batch", reset="zero", residual=residual, time_steps=steps)
    graph, lengths = lower(trained), [5, 12, 20]
    sentences = [torch.randint(0, 40, (n,)) for n in lengths]
    tokens, mask = torch.zeros(3, 20, dtype=torch.long), torch.zeros(3, 20, dtype=torch.long)
    for row, sentence in enumerate(sentences):
        tokens[row, : len(sentence)], mask[row, : len(sentence)] = sentence, 1
    result = FastSimulator(graph).run([s.numpy() for s in sentences], record=True)
    for name, module in trained.model.named_modules():
        if name in result.spikes:  # the integer model's spikes: what quantisation changes is not at issue here
            module.given = torch.from_numpy(result.spikes[name].astype(np.float32))
    with record_operations(trained.model) as operations, torch.no_grad():
        trained.model(tokens, mask)
    counted = counts_of(graph, result, lengths)["per_sample"]
    attention = [counted["attention_pairs_first"], counted["attention_memory_first"]]
    linears = sum(n for name, n in operations.terms.items() if not name.endswith("coincidences"))
    assert int(linears) == sum(counted["synaptic_operations"])
    if len([n for n in operations.terms if n.endswith("coincidences")]) == 1:
        assert int(sum(operations.terms.values()) - linears) == min(map(sum, attention))
    wanted = macs(BertShape("", len(trained.model.blocks), 48, 192), lengths)
    assert int(macs_of_batch(trained.model, mask.sum(1))) == wanted
    assert float(operations.per_mac(trained.model, mask)) == pytest.approx(
        float(sum(operations.terms.values())) / wanted
    )


def test_the_price_of_a_spike_reaches_the_weights_that_made_it():
    trained = model_with_character(norm="batch", reset="zero", residual="membrane")
    with record_operations(trained.model) as operations:
        trained.model(torch.randint(0, 40, (2, 9)))
    sum(operations.terms.values()).backward()
    for name in ("attention.qkv", "mlp.up"):
        gradient = trained.model.get_submodule(f"blocks.0.{name}.linear").weight.grad
        assert gradient is not None and gradient.abs().sum() > 0


def test_attention_is_counted_in_its_cheaper_order():
    spikes = (torch.rand(2, 3, 2, 7, 4, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    query, key, value = spikes, spikes.flip(-1), spikes.flip(-2)
    orders = [0, 0]
    for t, b, h in np.ndindex(2, 3, 2):
        q, k, v = (x[t, b, h].numpy() for x in (query, key, value))
        pairs, memory = q @ k.T, k.T @ v
        orders[0] += pairs.sum() + sum(v[j].sum() for i, j in np.argwhere(pairs > 0))
        orders[1] += memory.sum() + sum(q[:, i].sum() for i, j in np.argwhere(memory > 0))
    assert float(cheaper_order(query, key, value)) == min(orders)


def test_spikes_are_recorded_as_before_beside_it():
    trained = model_with_character(norm="batch", reset="zero")
    with record_spikes(trained.model) as spikes, record_operations(trained.model) as operations, torch.no_grad():
        trained.model(torch.randint(0, 40, (2, 9)))
    assert len(spikes) == 11 and len(operations.terms) == 10
