"""In bfloat16 a product has rows of zeros besides, which alter nothing."""

import pytest
import torch
from torch import nn

from spikebert.model.precision import ROWS, TokenLinear, products

CPU = torch.device("cpu")
BFLOAT16 = 2.0**-7  # the relative distance of neighbouring numbers, at most


@pytest.mark.parametrize("tokens", [1, ROWS - 1, ROWS, ROWS + 1, 777])
def test_rows_of_zeros_alter_neither_a_product_of_tokens_nor_its_gradients(tokens):
    torch.manual_seed(tokens)
    filled, plain = TokenLinear(384, 512), nn.Linear(384, 512)
    plain.load_state_dict(filled.state_dict())
    spikes, upstream = (torch.rand(2, tokens, 384) < 0.2).float(), torch.randn(2, tokens, 512).bfloat16()
    found = [_product_and_gradients(layer, spikes, upstream) for layer in (filled, plain)]
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=BFLOAT16, atol=BFLOAT16 * float(theirs.abs().max()))


@pytest.mark.parametrize("precision", ["bf16", "float32"])
def test_products_of_tokens_have_filled_rows_in_bfloat16_alone(precision, monkeypatch):
    seen = []
    monkeypatch.setattr(nn.Linear, "forward", lambda layer, x: seen.append(x.shape[-2]) or x)
    with products(CPU, precision):
        assert TokenLinear(8, 8)(torch.ones(1, ROWS + 1, 8)).shape == (1, ROWS + 1, 8)
    assert seen == [2 * ROWS if precision == "bf16" else ROWS + 1]


def _product_and_gradients(layer, spikes, upstream):
    inputs = spikes.clone().requires_grad_()
    with products(CPU, "bf16"):
        outputs = layer(inputs)
    outputs.backward(upstream)
    return [outputs.detach(), inputs.grad, layer.weight.grad, layer.bias.grad]
