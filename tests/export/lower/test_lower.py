"""Lowering: the integer graph computes what the float model computes, as far as its integers can."""

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer, pre_tokenizers

from export.ir.graph import LayerNorm, Linear
from export.lower import onnx_float
from export.lower.capture import capture
from export.lower.fold import fold_batch_norms
from export.lower.pipeline import fold, lower
from export.lower.quantize import by_output, loihi_bias, symmetric
from export.lower.report import report, table
from simulate.fast import FastSimulator
from spikebert.core.errors import InputError
from spikebert.model.checkpoint import TrainedModel
from spikebert.model.recording import record_spikes
from spikebert.training.loop import Example
from tests.spikebert.model.test_model import TOKENIZER, small_model


def model_with_character(**values):
    """An untrained model whose norms, biases and embeddings are not the trivial ones that they start as."""
    model = small_model(hidden_size=48, **values)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
            elif "embeddings" in name or name.endswith("bias"):
                parameter.normal_(std=0.3)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(std=0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.01, 0.1)
    return TrainedModel(model, TOKENIZER, ["a", "b"], {})


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize(("reset", "levels"), [("subtract", 1), ("zero", 1), ("zero", 3)])
def test_eight_bits_agree_with_the_float_model_in_nearly_every_spike(norm, reset, levels):
    trained = model_with_character(norm=norm, reset=reset, embedding_levels=levels)
    graph = lower(trained)
    tokens = torch.randint(0, 40, (6, 20))
    with torch.no_grad(), record_spikes(trained.model) as spikes:
        logits = trained.model(tokens).logits.numpy()
    result = FastSimulator(graph).run(list(tokens.numpy()), record=True)
    for name in [name for name in spikes if name.startswith("embeddings")]:
        assert (spikes[name].numpy() == result.spikes[name]).mean() > 0.98, name
    for name, train in spikes.items():
        assert (train.numpy() == result.spikes[name]).mean() > 0.85, name  # disagreements add up with depth
    assert np.corrcoef(logits.ravel(), (result.logits * graph.nodes[-1].scale).ravel())[0, 1] > 0.9


def test_a_folded_graph_has_no_norm_left_and_a_layer_norm_graph_keeps_them():
    folded, kept = (lower(model_with_character(norm=n)) for n in ("batch", "layer"))
    assert not any(isinstance(n, LayerNorm) for n in folded)
    assert sum(isinstance(n, LayerNorm) for n in kept) == 1 + 2 * 4 + 1


def test_the_zero_reset_of_a_folded_graph_has_thresholds_that_stock_loihi_neurons_can_hold():
    graph = lower(model_with_character(norm="batch", reset="zero"))
    for node in graph.neurons:
        if isinstance(graph[node.inputs[0]], Linear):
            assert node.threshold[0] % 64 == 1, node.name


def test_folding_does_not_change_what_the_float_graph_computes():
    nodes = {n.name: n for n in capture(model_with_character(norm="batch").model)}
    folded = {n.name: n for n in fold_batch_norms(tuple(nodes.values()))}
    x = np.random.default_rng(0).normal(size=48)
    name = "blocks.0.attention.qkv"
    linear, norm, after = nodes[f"{name}.linear"], nodes[f"{name}.norm"], folded[f"{name}.linear"]
    before = (linear.weight @ x + linear.bias) * norm.factor + norm.offset
    assert np.allclose(after.weight @ x + after.bias, before)
    assert folded[f"{name}.lif"].inputs == (f"{name}.linear",)


def test_folding_scales_both_tables_of_words_and_adds_the_offset_once():
    nodes = capture(model_with_character(norm="batch", neighbours=True).model)
    before, norm = nodes[:2]
    after = fold_batch_norms(nodes)[0]
    tokens = np.array([3, 1, 4])

    def embedded(node):
        places = np.arange(len(tokens))
        current = node.word[tokens] + node.position[places] + (0 if node.bias is None else node.bias)
        current[1:, :24] += node.neighbour[tokens[:-1], :24]
        current[:-1, 24:] += node.neighbour[tokens[1:], 24:]
        return current

    assert np.allclose(embedded(after), embedded(before) * norm.factor + norm.offset)


@pytest.mark.parametrize(
    "shape",
    [
        dict(norm="layer", reset="subtract"),
        dict(norm="batch", reset="zero"),
        dict(norm="batch", reset="zero", residual="membrane", embedding_levels=0, time_steps=1),
        dict(norm="batch", reset="subtract", separator=7, shared_words=True),
    ],
)
def test_neighbours_become_integers_of_the_words_own_unit_that_agree_with_the_float_model(shape):
    trained = model_with_character(neighbours=True, **shape)
    embedding = lower(trained).nodes[0]
    floats = fold(capture(trained.model))[0]
    for integers, real in ((embedding.word, floats.word), (embedding.neighbour, floats.neighbour)):
        assert np.corrcoef((integers * embedding.scale).ravel(), real.ravel())[0, 1] > 0.999
        assert np.abs(integers * embedding.scale - real).mean() < embedding.scale
    tokens = torch.randint(0, 40, (6, 20))
    with torch.no_grad(), record_spikes(trained.model) as spikes:
        trained.model(tokens)
    result = FastSimulator(lower(trained)).run(list(tokens.numpy()), record=True)
    first = next(iter(spikes))
    assert (spikes[first].numpy() == result.spikes[first]).mean() > 0.98


def test_a_neighbour_larger_than_any_word_decides_the_unit_of_both():
    trained = model_with_character(norm="batch", residual="membrane", embedding_levels=0, neighbours=True)
    with torch.no_grad():
        trained.model.embeddings.neighbour.weight.mul_(50)
    embedding = lower(trained).nodes[0]
    assert np.log2(embedding.scale) % 1 == 0
    assert np.abs(embedding.neighbour).max() > 10 * np.abs(embedding.word).max()


@pytest.mark.parametrize("bits", range(2, 9))
def test_weights_stay_within_their_bits_and_err_no_more_than_with_the_largest_as_full_scale(bits):
    weight, top = np.random.default_rng(0).normal(size=(20, 30)), 2 ** (bits - 1) - 1
    integers, scale = symmetric(weight, bits)
    plain = np.abs(weight).max() / top
    assert np.abs(integers).max() == top
    error = np.square(integers * scale - weight).sum()
    assert error <= np.square(np.rint(weight / plain) * plain - weight).sum()
    inside = np.abs(weight) <= top * scale  # what is not cut off lies within half a step
    assert np.abs(integers * scale - weight)[inside].max() <= scale / 2 * 1.0001


def test_outputs_of_different_size_keep_their_precision_with_a_power_of_two_each():
    weight = np.random.default_rng(0).normal(size=(8, 200)) * 2.0 ** np.repeat([0, -1, -2, -3], 2)[:, None]
    integers, scale, exponent = by_output(weight, 4)
    assert sorted(set(exponent.tolist())) == [0, 1, 2, 3]
    together, one_scale = symmetric(weight, 4)
    errors = [
        np.square(w - weight)[-1].sum() for w in (integers * 2.0 ** exponent[:, None] * scale, together * one_scale)
    ]
    assert errors[0] < errors[1] / 10


@pytest.mark.parametrize("power_of_two", [False, True])
def test_an_output_without_weights_takes_nothing_from_the_others(power_of_two):
    weight = np.random.default_rng(0).normal(size=(8, 64)) / 20
    whole = by_output(weight, 8, power_of_two)
    weight[3] = 0
    integers, scale, exponent = by_output(weight, 8, power_of_two)
    others = np.arange(8) != 3
    assert not integers[3].any()
    for ours, theirs in ((integers[others], whole[0][others]), (scale, whole[1]), (exponent[others], whole[2][others])):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_weights_on_a_grid_of_outputs_stay_on_it(bits, power_of_two):
    weight = np.random.default_rng(0).normal(size=(30, 100)) * 2.0 ** np.random.default_rng(1).normal(-5, 2, (30, 1))
    integers, scale, exponent = by_output(weight, bits, power_of_two)
    stored = (integers * 2.0 ** exponent[:, None] * scale).astype(np.float32).astype(np.float64)
    again, finest, places = by_output(stored, bits, power_of_two)
    np.testing.assert_allclose(finest, scale, rtol=1e-6)
    assert np.array_equal(again.astype(int) << places[:, None], integers.astype(int) << exponent[:, None])


@pytest.mark.parametrize("values", [dict(norm="layer"), dict(norm="batch", reset="subtract")])
def test_loihi1_refuses_by_name_what_its_neurons_cannot_do(values):
    with pytest.raises(InputError, match=r"layer embeddings\.(norm|lif): .*(layer norm|resets to zero)"):
        lower(model_with_character(**values), target="loihi1")


def test_loihi1_takes_a_folded_model_with_the_zero_reset():
    assert lower(model_with_character(norm="batch", reset="zero"), target="loihi1").metadata["target"] == "loihi1"


def test_an_exported_tokenizer_neither_cuts_nor_pads(tmp_path):
    made = Tokenizer.from_str(TOKENIZER)
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.enable_truncation(3)
    made.enable_padding(length=9)
    trained = TrainedModel(small_model(), made.to_str(), ["negative", "positive"], {})
    onnx_float.write(trained, tmp_path / "model.onnx")
    notes = {note.key: note.value for note in onnx.load(tmp_path / "model.onnx").metadata_props}
    for text in (lower(trained).tokenizer, notes["tokenizer"]):
        assert len(Tokenizer.from_str(text).encode("a b c d").ids) == 4


def test_the_export_report_tells_what_quantisation_did():
    trained = model_with_character(norm="batch")
    graph = lower(trained, 8)
    examples = [Example([2, 3, 4], 0), Example([5, 6, 7, 8], 1)]
    content = report(trained, graph, examples)
    layers = {layer["name"]: layer for layer in content["layers"]}
    assert layers["blocks.0.mlp.up.linear"]["weight_snr_db"] > 30
    assert abs(layers["blocks.0.mlp.up.lif"]["threshold_error"]) < 0.001
    found = content["comparison"]
    assert found["texts"] == 2
    assert found["spike_agreement"]["embeddings.lif"] > 0.95
    for name, largest in found["largest_accumulator"].items():
        assert largest <= layers[name]["worst_case"]
    assert "accuracy float" in table(content)


def test_the_export_report_tells_the_ends_where_each_neuron_has_a_threshold_of_its_own():
    trained = model_with_character(norm="batch", reset="zero", residual="membrane", embedding_levels=0)
    content = report(trained, lower(trained, 8), [Example([2, 3, 4], 0)])
    layers = {layer["name"]: layer for layer in content["layers"]}
    first, later = (layers[f"blocks.0.{branch}.entrance.lif"] for branch in ("attention", "mlp"))
    for layer in (first, later):
        least, most = layer["threshold"]
        assert least < most
        assert abs(layer["threshold_error"]) < 0.01
    assert "{:,} to {:,}".format(*later["threshold"]) in table(content)
    assert content["comparison"]["spike_agreement"].keys() >= {"blocks.0.mlp.entrance.lif"}


def test_a_bias_is_a_13_bit_mantissa_times_one_power_of_two():
    bias = np.random.default_rng(0).normal(size=100) * 50
    integers = loihi_bias(bias, 0.01, "layer")
    exponent = int(np.gcd.reduce(integers)).bit_length() - 1
    assert np.abs(integers >> exponent).max() < 2**12
    assert np.abs(integers - bias * 6400).max() <= 2**exponent


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("parameter", ["mlp.up.linear.weight", "mlp.up.norm.bias", "attention.qkv.linear.bias"])
def test_values_that_are_not_finite_are_refused_by_the_name_of_their_layer(parameter, per_channel):
    trained = model_with_character(norm="batch")
    with torch.no_grad():
        trained.model.get_parameter(f"blocks.0.{parameter}").view(-1)[3] = float("nan")
    layer = rf"blocks\.0\.{parameter.rpartition('.')[0]}"
    with pytest.raises(InputError, match=rf"^layer {layer}: \w+ holds values that are not finite"):
        lower(trained, 8, per_channel)


def test_a_bias_beyond_32_bits_is_refused():
    with pytest.raises(InputError, match=r"^layer name: bias 2\.51.*e\+09 does not fit int32"):
        loihi_bias(np.array([300.0, 1.0]), 2.0**-17, "name")


def test_zero_reset_neurons_behind_weights_have_biases_of_whole_weight_units_and_no_others():
    graph = lower(model_with_character(norm="batch", reset="zero"))
    behind_weights = [n for n in graph.neurons if isinstance(graph[n.inputs[0]], Linear)]
    assert all((n.bias % 64 == 0).all() and n.bias.any() for n in behind_weights)
    assert (graph["embeddings.lif"].arrays["bias"] % 64).any()


@pytest.mark.parametrize("bits", [1, 9])
def test_weight_bits_out_of_range_are_refused(bits):
    with pytest.raises(InputError, match="2 to 8 bits"):
        lower(model_with_character(), weight_bits=bits)
