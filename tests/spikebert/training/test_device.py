"""Devices and precisions, on a machine that has a CPU alone."""

import pytest
import torch

from spikebert.cli import main
from spikebert.model import precision
from spikebert.model.attention import Coincidences
from spikebert.model.checkpoint import load_model
from spikebert.model.neuron import LIF
from spikebert.training import device
from tests.spikebert.model.test_model import batch, small_model
from tests.spikebert.training.test_training import command, task, teacher

__all__ = ["task", "teacher"]  # fixtures
CPU = torch.device("cpu")


def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_refused(task, teacher, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.choose("auto") == device.choose("cpu") == CPU
    assert main(command(task, teacher, tmp_path, "--device", "cuda")) == 2
    assert "--device cuda: PyTorch finds no GPU here" in capsys.readouterr().err


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_neurons_and_norms_are_in_float32_whatever_the_products_are_in(norm):
    model, seen = small_model(norm=norm).train(), []
    for module in model.modules():
        if isinstance(module, LIF) or module is model.blocks[0].mlp.up.norm:
            module.register_forward_hook(lambda _m, inputs, output: seen.extend([inputs[0].dtype, output.dtype]))
    products = []
    model.blocks[0].mlp.up.linear.register_forward_hook(lambda _m, _i, output: products.append(output.dtype))
    with precision.products(CPU, "bf16"):
        logits = model(*batch()).logits
    assert products == [torch.bfloat16]
    assert set(seen) == {logits.dtype} == {torch.float32}


def test_coincidences_are_counted_exactly_whatever_the_products_are_in():
    model = small_model()
    spikes = torch.ones(1, 1, 300, 24)  # 300 keys of 12 features: 3600, where bfloat16 has steps of 16
    with precision.products(CPU, "bf16"), precision.exact(CPU):
        assert torch.equal(Coincidences(2)(spikes, spikes, spikes), torch.full((1, 1, 300, 24), 3600.0))
    seen = []
    model.blocks[0].attention.lif.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0]))
    tokens = torch.randint(0, 40, (1, 30))
    with precision.products(CPU, "bf16"), torch.no_grad():
        model(tokens)
    counts = seen[0] / model.config.attention_scale
    assert torch.equal(counts, counts.round())


def test_both_stages_and_a_baseline_learn_in_bf16(task, teacher, tmp_path):
    assert main(command(task, teacher, tmp_path / "run", "--epochs", "4", "--precision", "bf16")) == 0
    assert load_model(tmp_path / "run" / "model.pt").training["accuracy"] > 0.9
    baseline = ["baseline", "snn-textcnn", *command(task, teacher, tmp_path / "cnn")[:-4]]
    assert main([*baseline, "--epochs", "1", "--precision", "bf16"]) == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_model_answers_on_a_gpu_as_on_the_cpu_and_learns_there():
    gpu = torch.device("cuda")
    model, (tokens, mask) = small_model().eval(), batch()
    with torch.no_grad():
        here = model(tokens, mask).logits
        there = model.to(gpu)(tokens.to(gpu), mask.to(gpu)).logits
    assert torch.allclose(here, there.cpu(), atol=1e-3)
    model.train()
    for precision_of_products in ("float32", "bf16"):
        with precision.products(gpu, precision_of_products):
            model(tokens.to(gpu), mask.to(gpu)).logits.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
