"""The bundle: whole, the same bytes each time, and refused where a byte was changed."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from deploy.bundle import bundle, golden, sums
from deploy.cli import main
from export.ir import nir
from export.ir.early_exit import with_margin
from export.ir.licence import with_licence
from simulate.lava_installed import is_installed
from simulate.text import Texts
from spikebert.core.errors import InputError
from tests.fuzz.originals import tokenizer
from tests.random_graph import random_graph

TEXTS = Texts("texts", ["b c", "d", "c c b d"], ["label0", "label1", "label2"])


def model_of(folder, **values):
    graph = replace(random_graph(**values), tokenizer=tokenizer())
    nir.write(graph, folder / "model.nir")
    return folder / "model.nir"


def files_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    bundle.write(model_of(folder, norm="batch", reset="zero"), TEXTS, folder / "bundle")
    return folder / "bundle"


def test_the_same_inputs_give_the_same_bytes(made, tmp_path):
    bundle.write(made.parent / "model.nir", TEXTS, tmp_path / "again")
    assert files_of(made) == files_of(tmp_path / "again")


def test_it_holds_no_path_of_this_machine_and_no_pickle(made):
    for name, content in files_of(made).items():
        assert str(made.parent).encode() not in content, name
    with np.load(made / bundle.GOLDEN, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "iu" for name in arrays.files)


def test_it_holds_what_a_hardware_team_needs(made):
    names = files_of(made).keys()
    assert {"model.nir", "model-int.onnx", "tokenizer.json", "chip.yaml", "EQUATIONS.md", "energy/report.md"} <= names
    assert {"mapping/mapping.json", "mapping/mapping.md", "mapping/floorplan.svg", "reference/reference.c"} <= names
    content = json.loads((made / bundle.MANIFEST).read_text("utf-8"))
    for target, form in bundle.FORMS.items():  # netx cannot hold this random model: it says why
        assert (target in content["left_out"]) != any(name.startswith(form.place) for name in names)
    assert any(name.startswith("stages/") for name in names)
    assert content["licence"] == "not stated"
    page = (made / "README.md").read_text("utf-8")
    assert all(f"`{name}`" in page for name in names if "/" not in name and name != "README.md")
    activity = json.loads((made / "mapping" / "mapping.json").read_text("utf-8"))["activity"]
    assert activity["source"] == "measured on 3 texts"


def format_version(path):
    with h5py.File(path, "r") as file:
        return int(file["node/metadata/format_version"][()])


@pytest.mark.parametrize(
    "shape, version", [({}, 1), ({"residual": "membrane"}, 3), ({"separator": 3, "shared_words": 1}, 6)]
)
def test_its_manifest_says_the_version_of_its_model(tmp_path, shape, version):
    bundle.write(model_of(tmp_path, norm="batch", reset="zero", **shape), TEXTS, tmp_path / "bundle")
    content = json.loads((tmp_path / "bundle" / bundle.MANIFEST).read_text("utf-8"))
    assert content["integer_semantics"] == format_version(tmp_path / "bundle" / "model.nir") == version


def test_its_page_tells_how_pairs_are_given_and_that_texts_leave_early(tmp_path, made):
    graph = replace(random_graph(norm="batch", separator=3), tokenizer=tokenizer())
    nir.write(with_margin(graph, "0.5"), tmp_path / "model.nir")
    bundle.write(tmp_path / "model.nir", TEXTS, tmp_path / "bundle")
    page = (tmp_path / "bundle" / "README.md").read_text("utf-8")
    assert "--text-pair" in page and "pairs of texts" in page and ", early exit" in page and "| `steps` |" in page
    plain = (made / "README.md").read_text("utf-8")
    assert not any(word in plain for word in ("--text-pair", "pairs of texts", "early exit", "| `steps` |"))
    for folder, told in ((tmp_path / "bundle", page), (made, plain)):
        with np.load(folder / bundle.GOLDEN) as arrays:
            assert all(f"| `{name.partition('/')[0]}" in told for name in arrays.files)


def test_a_chip_that_cannot_hold_the_model_leaves_the_mapping_out_and_one_that_is_none_is_refused(tmp_path):
    model = model_of(tmp_path, norm="layer", reset="zero")
    bundle.write(model, TEXTS, tmp_path / "bundle", "loihi1")
    left_out = json.loads((tmp_path / "bundle" / bundle.MANIFEST).read_text("utf-8"))["left_out"]
    assert "layer norm needs programmable neurons" in left_out["mapping"]
    assert not (tmp_path / "bundle" / "mapping").exists()
    with pytest.raises(InputError, match="chip loihi3"):
        bundle.write(model, TEXTS, tmp_path / "not", "loihi3")
    assert not (tmp_path / "not").exists()


def test_a_bundle_that_fails_half_way_leaves_nothing(made, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle.sums, "write", lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bundle.write(made.parent / "model.nir", TEXTS, tmp_path / "bundle")
    assert not any(tmp_path.iterdir())


def test_its_size_is_at_most_what_was_told(made, tmp_path, caplog):
    with caplog.at_level("INFO", "spikebert"):
        bundle.write(made.parent / "model.nir", TEXTS, tmp_path / "again")
    promised = float(caplog.messages[0].split("at most ")[1].split()[0].replace(",", "")) * 1e6
    assert sum(map(len, files_of(made).values())) <= promised


def test_what_a_model_cannot_be_is_left_out_with_the_reason(tmp_path):
    bundle.write(model_of(tmp_path, norm="layer"), TEXTS, tmp_path / "bundle")
    left_out = json.loads((tmp_path / "bundle" / bundle.MANIFEST).read_text("utf-8"))["left_out"]
    assert left_out.keys() == {"nir-stages", "netx"}
    assert "layer norm" in left_out["nir-stages"]
    readme = (tmp_path / "bundle" / "README.md").read_text("utf-8")
    assert "`stages/`" not in readme and "model-int.onnx" in readme


def test_golden_vectors_may_stand_in_it_as_nirdata_too(made, tmp_path):
    import nir as reference

    bundle.write(made.parent / "model.nir", TEXTS, tmp_path / "bundle", nirdata=True)
    assert main(["verify", str(tmp_path / "bundle"), "--no-lava"]) == 0
    assert "`golden.h5`" in (tmp_path / "bundle" / "README.md").read_text("utf-8")
    graph, data = nir.read(made / "model.nir"), reference.read_data(str(tmp_path / "bundle" / bundle.NIRDATA))
    stored = golden.read(made / bundle.GOLDEN, graph)
    assert bundle.nirdata_of(graph, stored) == (tmp_path / "bundle" / bundle.NIRDATA).read_bytes()
    for name, train in stored.spikes.items():
        theirs = data.nodes[name].observables
        assert np.array_equal(theirs["spikes"].data.transpose(1, 0, 2), train)
        membranes = theirs["membrane"].to_time_gridded(theirs["spikes"].dt).data[..., stored.neurons[name]]
        assert np.array_equal(membranes.transpose(1, 0, 2), stored.membranes[name])
    assert np.array_equal(data.nodes[graph.nodes[-1].name].observables["logits"].data[:, 0], stored.logits)


def test_extras_go_in_as_they_are(made, tmp_path):
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "mapping.json").write_text("{}")
    bundle.write(made.parent / "model.nir", TEXTS, tmp_path / "out", extras=[tmp_path / "map"])
    assert (tmp_path / "out" / "with" / "map" / "mapping.json").read_text() == "{}"
    with pytest.raises(InputError, match="no such file"):
        bundle.write(made.parent / "model.nir", TEXTS, tmp_path / "not", extras=[tmp_path / "none"])
    assert not (tmp_path / "not").exists()


def test_a_byte_changed_anywhere_is_refused(made, tmp_path, capsys):
    """One bit of one byte in each file: its first byte, its last, and five by chance."""
    copy, rng = Path(shutil.copytree(made, tmp_path / "copy")), np.random.default_rng(0)
    for name, whole in files_of(made).items():
        for place in (0, len(whole) - 1, *rng.integers(0, len(whole), 5)):
            content = bytearray(whole)
            content[place] ^= 1 << rng.integers(0, 8)
            (copy / name).write_bytes(bytes(content))
            assert main(["verify", str(copy), "--no-lava"]) == 2, (name, place)
            assert capsys.readouterr().err.count("\n") == 1
        (copy / name).write_bytes(whole)


def resummed(made, folder, name, content):
    """A copy of a bundle with one file replaced, and the checksums that fit."""
    copy = Path(shutil.copytree(made, folder / "copy"))
    (copy / name).write_bytes(content)
    (copy / sums.FILE).unlink()
    sums.write(copy)
    return copy


@pytest.mark.parametrize(
    ("name", "before", "after", "fault"),
    [
        (bundle.MANIFEST, b'"decay": 410', b'"decay": 411', "layers of manifest.json is not that of model.nir"),
        (bundle.TOKENIZER, b"{", b" {", "tokenizer.json is not that of model.nir"),
    ],
)
def test_what_stands_beside_the_model_must_be_that_of_the_model(made, tmp_path, capsys, name, before, after, fault):
    copy = resummed(made, tmp_path, name, (made / name).read_bytes().replace(before, after, 1))
    assert main(["verify", str(copy), "--no-lava"]) == 1
    assert f"manifest and tokenizer: {fault}" in capsys.readouterr().out


def test_membranes_of_other_neurons_than_are_stated_are_a_fault(made, tmp_path, capsys):
    with np.load(made / bundle.GOLDEN) as arrays:
        changed = {name: arrays[name] * 0 if name.startswith("neurons/") else arrays[name] for name in arrays.files}
    np.savez_compressed(tmp_path / "golden.npz", **changed)
    copy = resummed(made, tmp_path, bundle.GOLDEN, (tmp_path / "golden.npz").read_bytes())
    assert main(["verify", str(copy), "--no-lava"]) == 1
    assert "the neurons of layer embeddings.lif whose membranes are kept are others" in capsys.readouterr().out


def test_two_lines_for_one_file_are_refused(made, tmp_path, capsys):
    copy = Path(shutil.copytree(made, tmp_path / "copy"))
    lines = (copy / sums.FILE).read_text()
    (copy / sums.FILE).write_text(f"{'0' * 64}  model.nir\n{lines}")
    assert main(["verify", str(copy), "--no-lava"]) == 2
    assert "SHA256SUMS: is damaged" in capsys.readouterr().err


def test_a_label_that_the_model_does_not_know_is_refused(made, tmp_path):
    with pytest.raises(InputError, match="text 2 has the label 'yes'"):
        texts = replace(TEXTS, labels=["label0", "yes", "label1"])
        bundle.write(made.parent / "model.nir", texts, tmp_path / "out")


def test_an_extra_that_would_hold_the_bundle_is_refused(made, tmp_path):
    (tmp_path / "page").write_text("a page")
    with pytest.raises(InputError, match="would hold the bundle that it is put into"):
        bundle.write(made.parent / "model.nir", TEXTS, tmp_path / "part" / "out", extras=[tmp_path])


def test_extras_of_one_name_are_refused(made, tmp_path):
    pages = [tmp_path / name / "page.md" for name in ("a", "b")]
    for page in pages:
        page.parent.mkdir()
        page.write_text("x")
    with pytest.raises(InputError, match=r"another one is called page\.md"):
        bundle.write(made.parent / "model.nir", TEXTS, tmp_path / "out", extras=pages)


@pytest.mark.parametrize("change", ["missing", "added"])
def test_a_file_that_is_missing_or_added_is_named(made, tmp_path, capsys, change):
    copy = Path(shutil.copytree(made, tmp_path / "copy"))
    if change == "missing":
        (copy / "tokenizer.json").unlink()
    else:
        (copy / "virus.exe").write_bytes(b"")
    assert main(["verify", str(copy), "--no-lava"]) == 2
    assert ("tokenizer.json is missing" if change == "missing" else "virus.exe") in capsys.readouterr().err


EXTRAS = ("torch", "transformers", "safetensors", "snntorch", "textblob", "lava.lib", "distributed")


def test_what_runs_on_the_hardware_teams_side_does_without_torch_and_dask(made, tmp_path):
    """With all that the extras bring out of reach, all but the float models' modules load; bundle and Lava run."""
    code = (
        "import pkgutil, sys, importlib, deploy, simulate\n"
        # Not by None in sys.modules: SciPy looks there for torch, and takes what it finds for it.
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name in {EXTRAS!r}:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "for package in (deploy, simulate):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if module.name not in ('deploy.workbench.trained', 'deploy.workbench.inspection.trained'):\n"
        "            importlib.import_module(module.name)\n"
        "from deploy.cli import main\n"
        f"sys.exit(main(['bundle', {str(made.parent / 'model.nir')!r}, '--data', {str(tmp_path / 'x.tsv')!r}, "
        f"'-o', {str(tmp_path / 'out')!r}]) or main(['verify', {str(tmp_path / 'out')!r}]))"
    )
    (tmp_path / "x.tsv").write_text("label0\tb c\nlabel1\td\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ("Lava: equal" if is_installed() else "Lava: left out: Lava is not installed") in done.stdout


def pipe(path):
    os.mkfifo(path)


def link(path):
    path.symlink_to("/etc/hostname")


def link_to_a_folder(path):
    path.symlink_to("/etc")


STRANGERS = {"a pipe": pipe, "a link": link, "a link ": link_to_a_folder, "an empty folder": Path.mkdir}


@pytest.mark.parametrize("what", STRANGERS)
@pytest.mark.parametrize("place", ["x", "energy/x"])
def test_what_is_no_plain_file_does_not_belong_in_a_bundle(made, tmp_path, what, place):
    shutil.copytree(made, tmp_path / "bundle")
    STRANGERS[what](tmp_path / "bundle" / place)
    with pytest.raises(InputError, match=rf"{place}: is {what.strip()}"):
        sums.check(tmp_path / "bundle")


def test_a_list_of_checksums_that_lies_elsewhere_is_refused(made, tmp_path):
    shutil.copytree(made, tmp_path / "bundle")
    (tmp_path / "bundle" / sums.FILE).rename(tmp_path / "elsewhere")
    (tmp_path / "bundle" / sums.FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"{sums.FILE}: is a link"):
        sums.check(tmp_path / "bundle")


@pytest.mark.parametrize("version", [0, -1])
def test_a_manifest_of_a_version_that_never_was_is_refused(made, tmp_path, version, capsys):
    shutil.copytree(made, tmp_path / "bundle")
    path = tmp_path / "bundle" / bundle.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "format_version": version}), "utf-8")
    sums.write(tmp_path / "bundle")
    assert main(["verify", str(tmp_path / "bundle"), "--no-lava"]) == 2
    assert "was never written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layers": [{"name": "x"}]}, "layers[0].neurons is missing"),
        ({"labels": [1]}, "labels must be a list of texts"),
        ({"golden": {"texts": 0, "tokens": 7}}, "golden.texts must be a whole number of at least 1, not 0"),
    ],
)
def test_a_manifest_whose_fields_are_of_another_kind_is_refused(made, tmp_path, change, said, capsys):
    shutil.copytree(made, tmp_path / "bundle")
    path = tmp_path / "bundle" / bundle.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **change}), "utf-8")
    sums.write(tmp_path / "bundle")
    assert main(["verify", str(tmp_path / "bundle"), "--no-lava"]) == 2
    assert f"manifest.json: {said}" in capsys.readouterr().err


def test_a_bundle_of_before_there_was_a_mapping_is_verified(made, tmp_path):
    shutil.copytree(made, tmp_path / "bundle")
    path = tmp_path / "bundle" / bundle.MANIFEST
    content = json.loads(path.read_text("utf-8"))
    del content["chip"]
    path.write_text(json.dumps(content), "utf-8")
    sums.write(tmp_path / "bundle")
    assert main(["verify", str(tmp_path / "bundle"), "--no-lava"]) == 0


def test_a_manifest_that_tells_of_other_golden_texts_is_a_fault(made, tmp_path, capsys):
    shutil.copytree(made, tmp_path / "bundle")
    path = tmp_path / "bundle" / bundle.MANIFEST
    content = {**json.loads(path.read_text("utf-8")), "golden": {"texts": 1000, "tokens": 7}}
    path.write_text(json.dumps(content), "utf-8")
    sums.write(tmp_path / "bundle")
    assert main(["verify", str(tmp_path / "bundle"), "--no-lava"]) == 1
    assert "golden of manifest.json" in capsys.readouterr().out


@pytest.mark.parametrize("what", STRANGERS)
def test_more_files_are_plain_files_or_refused_by_name(tmp_path, what):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "file").touch()
    STRANGERS[what](tmp_path / "more" / "x")
    with pytest.raises(InputError, match=rf"/x: is {what.strip()}"):
        bundle.write(model_of(tmp_path), TEXTS, tmp_path / "bundle", extras=[tmp_path / "more"])
    assert not (tmp_path / "bundle").exists()


def test_a_pipe_or_a_device_as_another_file_is_refused_by_name(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(InputError, match=f"{path}: is neither"):
            bundle.write(model_of(tmp_path), TEXTS, tmp_path / "bundle", extras=[path])


def test_a_bundle_states_the_licence_that_the_models_file_notes(tmp_path):
    graph = with_licence(nir.read(model_of(tmp_path)), "CC0-1.0")
    nir.write(graph, tmp_path / "noted.nir")
    bundle.write(tmp_path / "noted.nir", TEXTS, tmp_path / "bundle")
    assert json.loads((tmp_path / "bundle" / bundle.MANIFEST).read_text("utf-8"))["licence"] == "CC0-1.0"


def test_a_licence_that_is_not_utf_8_is_refused(tmp_path):
    with pytest.raises(InputError, match="licence is not UTF-8"):
        bundle.write(model_of(tmp_path), TEXTS, tmp_path / "bundle", licence="a\udcff")


def test_more_golden_texts_than_memory_holds_are_refused_before_they_run(tmp_path, monkeypatch):
    monkeypatch.setattr("deploy.bundle.golden.MEMORY", 1000)
    with pytest.raises(InputError, match="the spikes of 7 tokens take"):
        bundle.write(model_of(tmp_path), TEXTS, tmp_path / "bundle")


def test_golden_vectors_do_not_depend_on_what_is_run_at_once(monkeypatch):
    from deploy.bundle import golden

    graph, rng = random_graph(), np.random.default_rng(0)
    sentences = [rng.integers(0, 50, n) for n in (3, 1, 7, 2, 5)]
    together = golden.compute(graph, sentences)
    monkeypatch.setattr(golden, "TOGETHER", 4)
    apart = golden.compute(graph, sentences)
    for name in ("tokens", "lengths", "logits"):
        assert np.array_equal(getattr(together, name), getattr(apart, name))
    for name in ("spikes", "membranes"):
        mine, theirs = getattr(together, name), getattr(apart, name)
        assert mine.keys() == theirs.keys()
        assert all(np.array_equal(mine[layer], theirs[layer]) for layer in mine)


def test_a_bundle_is_written_again_and_one_with_anything_changed_or_added_is_left_alone(made, tmp_path):
    def again() -> None:
        bundle.write(made.parent / "model.nir", TEXTS, tmp_path / "bundle")

    again()
    again()
    assert files_of(tmp_path / "bundle") == files_of(made)
    for name in ("thesis", "README.md"):
        (tmp_path / "bundle" / name).write_text("mine", "utf-8")
        with pytest.raises(InputError, match=r"holds .*, which this command did not write, or which was changed since"):
            again()
        assert (tmp_path / "bundle" / name).read_text("utf-8") == "mine"
        shutil.rmtree(tmp_path / "bundle")
        again()
