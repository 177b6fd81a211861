"""The networks that SpikeBERT is compared with."""

import json
import math
import re
import subprocess
import sys
import time

import pytest
import torch

from spikebert.baselines.counting import counts
from spikebert.baselines.run import MODELS, distillation
from spikebert.baselines.textcnn import SpikingTextCNN, TextCNN
from spikebert.cli import main
from spikebert.model.checkpoint import load_model
from spikebert.model.config import SpikeBertConfig
from spikebert.model.recording import record_spikes
from spikebert.training.distill import initialise_embeddings
from spikebert.training.loop import NO_LABEL, Batch, Example, Metrics, Schedule, train
from spikebert.training.teacher import Teacher, load
from tests.processes import finish, start
from tests.spikebert.model.test_model import batch
from tests.spikebert.training.test_training import Interrupted, task, teacher

__all__ = ["task", "teacher"]  # fixtures


def network(kind, **values):
    torch.manual_seed(0)
    shape = dict(vocab_size=40, hidden_size=24, num_hidden_layers=1, num_attention_heads=2, max_tokens=32)
    return MODELS[kind](SpikeBertConfig(**{**shape, **values}))


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("kind", MODELS)
def test_padding_a_batch_changes_no_prediction(kind, norm):
    model = network(kind, norm=norm, num_labels=3).eval()
    tokens, mask = batch()
    padded = torch.nn.functional.pad(tokens, (0, 9), value=7)
    with torch.no_grad():
        logits = model(tokens, mask).logits
        wider = model(padded, torch.nn.functional.pad(mask, (0, 9))).logits
        alone = [model(row[None, :n], mask[:1, :n]).logits[0] for row, n in zip(tokens, mask.sum(1), strict=True)]
    assert logits.shape == (3, 3)
    assert torch.allclose(logits, wider, atol=1e-6)
    assert torch.allclose(logits, torch.stack(alone), atol=1e-6)


def test_a_filter_sees_each_run_of_its_width_and_the_maximum_is_over_all_of_them():
    model = network("textcnn").eval()
    tokens, mask = torch.randint(0, 40, (1, 6)), torch.ones(1, 6, dtype=torch.long)
    words = model.embeddings.word.weight[tokens[0]]
    pooled = []
    for convolution in model.convolutions:
        width = convolution.width
        row = torch.nn.functional.pad(words, (0, 0, width - 1, width - 1))
        windows = torch.stack([row[i : i + width] for i in range(6 + width - 1)])  # (windows, width, D)
        responses = torch.einsum("nwd,fdw->nf", windows, convolution.weight) + convolution.bias
        pooled.append(responses.amax(0).relu())
    by_hand = model.head(torch.cat(pooled))
    assert torch.allclose(model(tokens, mask).logits[0], by_hand, atol=1e-5)


def test_the_spiking_network_computes_with_spikes_over_t_steps():
    model = network("snn-textcnn", time_steps=5).eval()
    with torch.no_grad(), record_spikes(model) as spikes:
        model(*batch())
    assert spikes["embeddings.lif"].shape == (5, 12 + 5 + 1, 24)
    assert [spikes[f"lifs.{i}"].shape for i in range(3)] == [(5, 12 + 5 + 1 + 3 * (w - 1), 100) for w in (3, 4, 5)]
    assert set(spikes["lifs.2"].unique().tolist()) == {0.0, 1.0}


def test_what_a_cnn_does_is_counted_text_by_text():
    examples = [Example([2 + i % 30, *range(3, 3 + i % 9)], 0) for i in range(80)]  # more than a batch
    model = network("snn-textcnn", time_steps=3, norm="batch").eval()
    fired = {"embedding": 0, "filters": 0}
    for example in examples:
        tokens = torch.tensor([example.tokens])
        with torch.no_grad(), record_spikes(model) as spikes:
            model(tokens, torch.ones_like(tokens))
        assert len(spikes) == 4
        for name, of_layer in spikes.items():
            fired[name.partition(".")[0].replace("embeddings", "embedding").replace("lifs", "filters")] += (
                of_layer.sum()
            )
    found = counts(model, examples)
    assert found["spikes"] == fired and found["time_steps"] == 3
    assert found["lengths"] == [len(example.tokens) for example in examples]
    assert "spikes" not in counts(network("textcnn"), examples)


def test_padding_is_in_no_statistic_of_the_spiking_networks_batch_norm():
    tokens, mask = batch()
    models = [network("snn-textcnn", norm="batch").train() for _ in range(2)]
    models[0](tokens, mask)
    models[1](torch.nn.functional.pad(tokens, (0, 5)), torch.nn.functional.pad(mask, (0, 5)))
    for a, b in zip(models[0].buffers(), models[1].buffers(), strict=True):
        assert torch.allclose(a, b)


@pytest.mark.parametrize("kind", [TextCNN, SpikingTextCNN])
def test_training_starts_from_the_teachers_word_vectors(kind, teacher):
    bert = Teacher(load(str(teacher), ["a", "b"])[0])
    model = kind(SpikeBertConfig(vocab_size=32, hidden_size=32, num_attention_heads=2))
    initialise_embeddings(model, bert)
    assert torch.equal(model.embeddings.word.weight, bert.model.bert.embeddings.word_embeddings.weight)


def test_the_spiking_network_may_tell_of_neighbours(teacher):
    bert = Teacher(load(str(teacher), ["a", "b"])[0])
    shape = dict(vocab_size=32, hidden_size=32, num_attention_heads=2)
    model, plain = (SpikingTextCNN(SpikeBertConfig(**shape, neighbours=told)).eval() for told in (True, False))
    assert 0 < model.embeddings.neighbour.weight.std() < 0.03
    initialise_embeddings(model, bert)
    plain.load_state_dict(model.state_dict(), strict=False)
    with torch.no_grad():
        before = model(batch()[0] % 32, batch()[1]).logits
        assert torch.equal(before, plain(batch()[0] % 32, batch()[1]).logits)
        model.embeddings.neighbour.weight.normal_()
        assert not torch.equal(before, model(batch()[0] % 32, batch()[1]).logits)


@pytest.mark.parametrize("kind", ["textcnn", "snn-textcnn"])
def test_a_resumed_run_equals_an_uninterrupted_one(kind, tmp_path):
    examples = [Example([2 + i % 30, 5, 7 + i % 3], i % 2) for i in range(60)]

    def fit(folder, stop_after=None):
        model, calls = network(kind, norm="batch"), 0

        def loss(batch: Batch):
            nonlocal calls
            calls += 1
            if calls == stop_after:
                raise Interrupted
            return {"loss": model(batch.tokens, batch.mask, labels=batch.labels).loss}

        folder.mkdir(exist_ok=True)
        schedule = Schedule(2, 8, 1e-2, seed=0)
        train(kind, model, loss, examples, schedule, folder / "c", Metrics(folder / "m"), checkpoint_seconds=0)
        return model.state_dict()

    whole = fit(tmp_path / "whole")
    for stop in (6, 3):
        with pytest.raises(Interrupted):
            fit(tmp_path / "parts", stop_after=stop)
    parts = fit(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def command(kind, task, teacher, out, *more):
    arguments = f"baseline {kind} --task {task} --teacher {teacher} --preset tiny --out {out} --batch-size 16"
    return [*arguments.split(), "--learning-rate", "5e-3", "--epochs", "4", *more]


@pytest.mark.parametrize("kind", MODELS)
def test_each_learns_a_simple_task_by_command(kind, task, teacher, tmp_path, capsys):
    assert main(command(kind, task, teacher, tmp_path)) == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["accuracy"] > 0.9
    assert result["majority"] == 0.5
    assert ("counts" in result) == (kind != "spikformer")  # which is simulated
    last = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert (last["stage"], last["accuracy"]) == ("finished", result["accuracy"])
    assert not list(tmp_path.glob("*.checkpoint"))
    assert (tmp_path / "model.pt").exists() == (kind == "spikformer")
    assert main(command(kind, task, teacher, tmp_path)) == 0
    assert "is finished" in capsys.readouterr().out


def test_the_terms_of_a_distillation_are_those_of_eq_8():
    logits, taught = torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([[0.0, 3.0], [1.0, 1.0]])
    terms = distillation(logits, taught, torch.tensor([1, NO_LABEL]), 1.0)
    divergence = torch.nn.functional.kl_div(
        logits.log_softmax(-1), taught.log_softmax(-1), reduction="batchmean", log_target=True
    )
    cross_entropy = -logits[0].log_softmax(-1)[1]
    assert terms["loss"].item() == pytest.approx((divergence + 0.1 * cross_entropy).item())


@pytest.mark.parametrize("kind", MODELS)
def test_each_learns_from_a_teacher_and_texts_without_labels(kind, task, teacher, tmp_path, capsys):
    options = ["--teacher-epochs", "3", "--teacher-learning-rate", "2e-3"]
    fine_tuned = tmp_path / "teacher"
    assert main(["teacher", "--task", str(task), "--teacher", str(teacher), *options, "--out", str(fine_tuned)]) == 0
    (tmp_path / "more.txt").write_text("good w3\nbad w4\n" * 10, "utf-8")
    more = ["--distil", "--augment", "1", "--corpus", str(tmp_path / "more.txt"), "--unlabelled", "20"]
    out = tmp_path / "run"
    assert main(command(kind, task, fine_tuned / "model", out, "--epochs", "1", *more)) == 0
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert {"loss", "logits", "cross_entropy"} <= rows[0].keys()
    result = json.loads((out / "result.json").read_text())
    assert result["teacher_accuracy"] > 0.9
    (more_texts,) = re.findall(r"(\d+) more texts without labels", capsys.readouterr().out)
    assert int(more_texts) > 20
    assert rows[0]["of"] == math.ceil((result["train_texts"] + int(more_texts)) / 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--augment", "1"], "--augment needs distil"),
        (["--more-teachers", "x"], "--more-teachers needs distil"),
        (["--distil", "--corpus", "x"], "--corpus needs unlabelled"),
        (["--residual", "membrane", "--norm", "batch"], "--residual membrane: textcnn has no blocks"),
        (["--attention-only"], "--attention-only is of blocks, and textcnn has none"),
        (["--distil"], "is not fine-tuned for the task"),
    ],
)
def test_what_a_distillation_needs_is_told_in_one_line(task, teacher, tmp_path, capsys, options, message):
    assert main(command("textcnn", task, teacher, tmp_path / "out", *options)) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_killed_run_resumes_to_the_same_model(task, teacher, tmp_path):
    def arguments(name):
        return command("spikformer", task, teacher, tmp_path / name, "--norm", "batch")

    finish(arguments("whole"))
    child = start(arguments("killed"))
    while not (tmp_path / "killed" / "spikformer.checkpoint").exists() and child.is_alive():
        time.sleep(0.01)
    child.kill()
    child.join()
    finish(arguments("killed"))
    whole, killed = (load_model(tmp_path / name / "model.pt").model.state_dict() for name in ("whole", "killed"))
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from spikebert.baselines.cli import parser; parser().format_help();"
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_bad_input_is_one_clear_line_and_exit_code_2(task, teacher, tmp_path, capsys):
    assert main(command("textcnn", task, teacher, tmp_path / "out", "--epochs", "0")) == 2
    error = capsys.readouterr().err
    assert "--epochs 0: must be at least 1" in error
    assert error.count("\n") == 1
