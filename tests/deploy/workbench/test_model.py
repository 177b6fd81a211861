"""The Python API, and that a call and a command say the same of the same model."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spikebert
from deploy.workbench.cli import main
from spikebert.core.files import sha256
from tests.simulate.example_run import example_run

EXAMPLES = Path(__file__).parents[3] / "examples"
TEXTS, LABELS = ["a good film", "a very bad film", "bad"], ["label0", "label1", "label1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    example_run(folder, norm="batch", reset="zero")
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return spikebert.load(folder / "model.nir")


def test_importing_loads_no_library_and_names_everything():
    code = (
        "import sys, spikebert; assert not {'torch', 'numpy', 'transformers', 'lava'} & set(sys.modules); "
        "assert {*spikebert.PUBLIC, '__version__'} == set(spikebert.__all__) <= set(dir(spikebert)); "
        "[getattr(spikebert, name) for name in spikebert.__all__]; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_torch_a_float_model_says_what_to_install(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"")
    code = "import sys; sys.modules['torch'] = None; import spikebert; spikebert.load('model.pt')"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    told = "needs the package torch, which is not installed: pip install 'spikebert[train]'"
    assert done.stderr.splitlines()[-1] == f"ModuleNotFoundError: {told}"


def test_what_a_call_gives_is_shown_on_a_short_line(model):
    run = model.simulate(TEXTS, LABELS)
    energy = run.energy("events")
    given = [model, run, energy, energy.spiking, run.report(), model.map(run=run), model.inspect()]
    given += [model.verify(TEXTS, granularities=()), model.ablate(TEXTS, LABELS), spikebert.pipeline(model)]
    assert {len(repr(thing).splitlines()) for thing in given} == {1}
    assert max(len(repr(thing)) for thing in given) < 200


def test_a_call_a_pipe_and_a_command_predict_the_same(folder, model, capsys, monkeypatch):
    expected = model.predict(TEXTS)
    assert [found["label"] for found in spikebert.pipeline(folder / "model.nir")(TEXTS)] == expected
    (folder / "texts.txt").write_text("\n".join(TEXTS) + "\n", "utf-8")
    with (folder / "texts.txt").open("rb") as file:
        monkeypatch.setattr(sys, "stdin", type("Input", (), {"buffer": file}))
        assert main(["simulate", str(folder / "model.nir"), "--data", "-", "--format", "jsonl"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["predicted"] for row in rows] == expected
    assert np.allclose([row["score"] for row in rows], model.predict_proba(TEXTS).max(1), atol=1e-6)
    assert main(["simulate", str(folder / "model.nir"), "--data", str(folder / "texts.txt"), "--format", "tsv"]) == 0
    header, *lines = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert [line[header.index("predicted")] for line in lines] == expected


def test_a_run_of_python_is_the_run_of_the_command(folder, model, tmp_path):
    run = model.simulate(TEXTS, LABELS)
    run.save(tmp_path / "run")
    ours, theirs = (json.loads((path / "run" / "counts.json").read_text("utf-8")) for path in (tmp_path, folder))
    for field in ("seconds", "startup_seconds", "command", "data"):
        ours["run"].pop(field), theirs["run"].pop(field)
    assert ours == theirs
    assert run.accuracy == ours["accuracy"]


def test_spikes_are_there_whether_they_were_recorded_or_not(model):
    recorded, again = model.simulate(TEXTS, spikes=True).spikes, model.simulate(TEXTS).spikes
    layer = "blocks.0.mlp.up.lif"
    assert again[layer].shape == (4, 8, 24)
    assert np.array_equal(recorded[layer], again[layer])


def test_rates_are_the_means_of_the_spikes(model):
    run = model.simulate(TEXTS)
    assert run.rates == {name: pytest.approx(train.mean()) for name, train in run.spikes.items()}


def test_energy_has_a_name_for_each_accounting(model):
    run = model.simulate(TEXTS)
    assert run.energy("events").spiking.picojoules > 0
    with pytest.raises(spikebert.InputError, match="accounting joules: must be one of paper, events"):
        run.energy("joules")


def test_a_run_is_reported_without_a_folder(model, tmp_path):
    run = model.simulate(TEXTS, LABELS, trace=1)
    model.map("loihi2", run=run).save(tmp_path / "map")
    run.report(tmp_path / "report.html", tmp_path / "report.json", mapping=tmp_path / "map")
    assert "spikebert-report" in (tmp_path / "report.html").read_text("utf-8")
    assert "map" in json.loads((tmp_path / "report.json").read_text("utf-8"))["command"]


def test_a_run_of_another_model_is_no_traffic(model, tmp_path):
    other = model.with_thresholds_scaled(2.0)
    with pytest.raises(spikebert.InputError, match="counts of another model"):
        model.map(run=other.simulate(TEXTS))


def test_a_saved_model_is_the_one_in_memory(model, tmp_path):
    made = model.with_exit_margin(1.0)
    before = made.source.sha256
    made.save(tmp_path / "early.nir")
    assert made.source.sha256 == before == spikebert.load(tmp_path / "early.nir").source.sha256
    assert made.source.name == "early.nir"


def test_verify_compares_and_says_so(model):
    found = model.verify(TEXTS, LABELS, granularities=[])
    assert found.equal and "accuracy" in str(found) and "compared without Lava" in str(found)


def test_what_accuracy_costs_and_what_parts_are_worth_are_those_of_the_commands(folder, model, tmp_path, capsys):
    data = ["--data", str(folder / "dev.tsv"), "-o"]
    sweep = ["sweep", str(folder / "model.nir"), "--factors", "1", "1.5", "--margins", "1", *data]
    assert main([*sweep, str(tmp_path / "sweep.json")]) == 0
    assert main(["ablate", str(folder / "model.nir"), "--seed", "3", *data, str(tmp_path / "parts.json")]) == 0
    printed = capsys.readouterr().out
    points = model.sweep(TEXTS, LABELS, factors=[1.0, 1.5], margins=[1.0])
    assert [point.score for point in points] == [
        point["score"] for point in json.loads((tmp_path / "sweep.json").read_text("utf-8"))
    ]
    assert str(model.ablate(TEXTS, LABELS, seed=3)) in printed
    with pytest.raises(spikebert.InputError, match="text 1 has the label 'happy'"):
        model.ablate(["good"], ["happy"])


def test_a_bundle_is_a_model_too(model, tmp_path):
    model.bundle(TEXTS, tmp_path / "bundle", licence="CC0-1.0")
    assert spikebert.load(tmp_path / "bundle").predict(TEXTS) == model.predict(TEXTS)
    found = spikebert.inspect(tmp_path / "bundle")
    assert found.kind == "bundle for a hardware team" and found.facts["licence"] == "CC0-1.0"


def test_labels_of_the_data_are_translated(folder, capsys):
    (folder / "own.tsv").write_text("0\ta good film\n1\tbad\n", "utf-8")
    command = ["simulate", str(folder / "model.nir"), "--data", str(folder / "own.tsv")]
    assert main(command) == 2
    assert "--labels 0=label0,1=label1" in capsys.readouterr().err
    assert main([*command, "--labels", "0=label0,1=label1"]) == 0
    assert "2 texts on fast: accuracy" in capsys.readouterr().out


@pytest.mark.parametrize("labels", ["0", "0=a,0=b", "=a"])
def test_a_translation_that_says_nothing_is_refused(folder, capsys, labels):
    assert main(["simulate", str(folder / "model.nir"), "--data", str(folder / "dev.tsv"), "--labels", labels]) == 2
    error = capsys.readouterr().err
    assert error.startswith("spikebert simulate: error: --labels ") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.predict("one text"), "texts must be a list of texts"),
        (lambda m: m.predict(""), "texts must be a list of texts"),
        (lambda m: m.predict(text for text in ["good"]), "texts must be a list of texts"),
        (lambda m: m.predict({"good"}), "texts must be a list of texts"),
        (lambda m: m.predict([("good", "bad")]), "a pair is one text, with a TAB between the two"),
        (lambda m: m.predict_proba(None), "texts must be a list of texts"),
        (lambda m: m.simulate(["good"], (label for label in ["label0"])), "labels must be a list of texts"),
        (lambda m: m.map(strategy="rolled"), "strategy rolled: must be one of unrolled, token-serial, auto"),
        (lambda m: m.map(objective="time"), "objective time: must be one of cores, latency, energy"),
        (lambda m: m.sweep(["good"], ["label0"], [1.0], [-1.0]), "margins -1.0: must not be negative"),
        (lambda m: spikebert.pipeline(m)("good", top_k=-1), "top_k -1: must be at least 1"),
        (lambda m: spikebert.pipeline(m)("good", top_k="1"), "top_k '1': must be at least 1, a whole number"),
        (lambda m: spikebert.pipeline(m)("good", truncation="do_not_truncate"), "truncation .*: must be True or False"),
        (lambda m: spikebert.pipeline(None), "model must be a model, or the path of one"),
        (lambda m: m.simulate([]), "texts is empty"),
        (lambda m: m.simulate(["good"], ["label0", "label1"]), "labels must be 1 texts"),
        (lambda m: m.simulate(["good"], backend="loihi"), "backend loihi: must be one of fast, lava"),
        (lambda m: m.simulate(["good"], workers=0), "workers 0: must be auto or a number"),
        (lambda m: m.export("pdf", "x"), "target pdf: must be one of nir"),
        (lambda m: m.predict([" "]), "texts: text 1: the text is empty"),
    ],
)
def test_a_wrong_argument_is_a_value_error_that_names_it(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)


def test_a_pipeline_ranks_labels_as_transformers_does(model):
    pipe = spikebert.pipeline(model)
    (best,) = pipe("a good film")
    ranked = pipe("a good film", top_k=None)
    assert ranked[0] == best and len(ranked) == 3
    assert sum(row["score"] for row in ranked) == pytest.approx(1)
    assert pipe(["a good film"], top_k=2) == [ranked[:2]]


def test_a_pipeline_takes_a_pair_as_transformers_does():
    pipe = spikebert.pipeline(EXAMPLES / "mrpc" / "model.nir")
    pair, text = {"text": "He has a dog.", "text_pair": "A dog is his."}, {"text": "He has a dog."}
    assert pipe(pair) == pipe("He has a dog.\tA dog is his.") != pipe(text) == pipe("He has a dog.")
    assert pipe([pair, text, "bad"]) == pipe(["He has a dog.\tA dog is his.", "He has a dog.", "bad"])


@pytest.mark.parametrize("texts", [{"text": 1}, [{"label": "x"}], {"text": "a", "other": "b"}, {"text_pair": "a"}])
def test_a_pipeline_refuses_what_is_no_text(model, texts):
    with pytest.raises(ValueError, match='texts must be texts, or dictionaries of a "text" and'):
        spikebert.pipeline(model)(texts)
    with pytest.raises(ValueError, match="texts must be a list of texts"):
        spikebert.pipeline(model)(1)


def test_a_pipeline_that_predicts_a_number_gives_lists_where_one_of_classes_does():
    pipe, pairs = spikebert.pipeline(EXAMPLES / "stsb" / "model.nir"), ["A dog runs.\tA dog walks.", "Hello.\tRain."]
    rows = pipe(pairs)
    assert [row["label"] for row in rows] == ["LABEL_0", "LABEL_0"]
    assert pipe(pairs, top_k=None) == [[row] for row in rows]
    assert pipe(pairs[0], top_k=2) == pipe(pairs[0]) == rows[:1]


def test_a_model_stays_what_was_loaded_whatever_becomes_of_its_file(model, tmp_path):
    file = tmp_path / "model.nir"
    model.save(file)
    loaded, digest = spikebert.load(file), sha256(file)
    spikebert.load(file).with_thresholds_scaled(2.0).save(file)
    assert loaded.simulate(TEXTS).model.sha256 == digest != sha256(file)
    loaded.bundle(TEXTS, tmp_path / "bundle")
    assert sha256(tmp_path / "bundle" / "model.nir") == digest
    file.unlink()
    assert loaded.predict(TEXTS) == model.predict(TEXTS)
    assert loaded.inspect().facts["sha256"] == digest


def test_no_text_is_no_prediction(model):
    assert model.predict([]) == [] and model.predict_proba([]).shape == (0, 3)
