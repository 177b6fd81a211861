"""The door of a run folder: what is wrong is named, and nothing wrong comes in."""

import json
import shutil

import pytest

from simulate.energy.record import read_run
from spikebert.core.errors import InputError
from tests.simulate.example_run import example_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return example_run(tmp_path_factory.mktemp("made"), blocks=1)


@pytest.fixture
def run(made, tmp_path):
    return shutil.copytree(made, tmp_path / "run")


def edit(run, change):
    path = run / "counts.json"
    counts = json.loads(path.read_text("utf-8"))
    change(counts)
    path.write_text(json.dumps(counts), "utf-8")


def refusal(run):
    with pytest.raises(InputError) as caught:
        read_run(run)
    message = str(caught.value)
    assert "\n" not in message
    assert str(run) in message
    return message


def test_a_run_of_the_simulator_is_read_as_it_was_counted(run):
    read = read_run(run)
    counts = json.loads((run / "counts.json").read_text("utf-8"))
    assert (read.samples, read.tokens, read.correct) == (3, 8, counts["correct"])
    assert [layer.rate for layer in read.layers] == pytest.approx([layer["rate"] for layer in counts["layers"]])
    assert [op.name for op in read.operations] == [op["name"] for op in counts["operations"]]


def test_a_missing_folder_is_named(tmp_path):
    assert "no such folder" in refusal(tmp_path / "none")


def test_a_file_instead_of_the_folder_is_named(run):
    assert "give the folder" in refusal(run / "counts.json")


def test_a_folder_without_counts_is_named(tmp_path):
    assert "spikebert-simulate" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": "\\ud800"}'])
def test_what_is_not_json_is_refused(run, content):
    (run / "counts.json").write_bytes(content)
    assert "not whole JSON" in refusal(run)


def test_every_truncated_file_is_refused(run):
    path = run / "counts.json"
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 97):
        path.write_bytes(whole[:length])
        assert "not whole JSON" in refusal(run)


def put(*path_and_value):
    """A change of counts.json: `put("model", "blocks", 0)`."""
    *path, name, value = path_and_value

    def change(counts):
        for step in path:
            counts = counts[step]
        counts[name] = value

    return change


FAULTS = {
    "is not a spikebert-counts file": put("format", "other"),
    "version 1 is none of the versions": put("version", 1),
    "version 3 and no model.exit_margin": put("version", 3),
    "model.blocks must be a whole number of at least 1": put("model", "blocks", 0),
    "model must be an object": put("model", None),
    "samples is 4, but": put("samples", 4),
    "tokens is 9, but": put("tokens", 9),
    "lengths must be a list": put("lengths", 0, -1),
    "layers must be a list that is not empty": put("layers", []),
    "layers[0] must be an object": put("layers", 0, 7),
    "layers[0].spikes must be a whole number": put("layers", 0, "spikes", 1.5),
    "layer embeddings.lif: spikes is 0": put("layers", 0, "spikes", 0),
    "layer embeddings.lif: the number of steps is 2": put("layers", 0, "spikes_per_step", [1, 1]),
    "more spikes in a step than neurons": put(
        "layers",
        0,
        {"name": "x", "width": 12, "neurons": 96, "spikes": 97, "rate": 97 / 384, "updates": 384}
        | {"dead": 0, "saturated": 0, "spikes_per_step": [97, 0, 0, 0]},
    ),
    "operations[0].kind must be one of": put("operations", 0, "kind", "convolution"),
    "accuracy must be a share": put("accuracy", 1.5),
    "accuracy is 0.5, but": put("accuracy", 0.5),
    "must be given together": put("majority", None),
    "score must be a number from -1 to 1": put("score", 1.5),
    "score is 0.25, but": put("score", 0.25),
    "interval must be two numbers": put("interval", [0.9, 0.1]),
    "metric, score and interval must be given together": put("interval", None),
    "must be one of accuracy": put("metric", "a newer one"),
    "NaN is no number": put("run", "seconds", float("nan")),
    "run.seconds must be a number": put("run", "seconds", "long"),
    "run.command must be a text": put("run", "command", None),
}


@pytest.mark.parametrize(("words", "change"), FAULTS.items(), ids=FAULTS)
def test_a_fault_is_named(run, words, change):
    edit(run, change)
    assert words in refusal(run)


@pytest.mark.parametrize("field", ["synaptic_operations", "dense_macs", "input_elements"])
def test_sums_of_a_linear_that_do_not_add_up_are_named(run, field):
    def change(counts):
        linear = next(op for op in counts["operations"] if op["kind"] == "linear")
        linear[field] += 1

    edit(run, change)
    assert f"blocks.0.attention.qkv.linear: {field}" in refusal(run)


@pytest.mark.parametrize("field", ["spikes", "synaptic_operations", "attention_pairs_first"])
def test_samples_that_do_not_add_up_to_the_run_are_named(run, field):
    edit(run, lambda counts: counts["per_sample"][field].__setitem__(0, 10**6))
    assert f"per_sample.{field}: the sum" in refusal(run)


@pytest.mark.parametrize("part", ["samples", "model", "run", "layers", "operations", "majority"])
def test_a_missing_part_is_named(run, part):
    edit(run, lambda counts: counts.pop(part))
    assert part in refusal(run)


def test_fields_of_a_later_release_are_left_alone(run):
    edit(run, put("operations", 0, "later", 3))
    assert read_run(run).samples == 3
