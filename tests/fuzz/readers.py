"""Every way by which a file from outside comes in: a command, or a function where the command needs more than files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from spikebert.core.errors import exit_cleanly
from tests.fuzz import mutations as m
from tests.fuzz import strangers
from tests.fuzz.networks import OF_NETWORKS
from tests.fuzz.texts import OF_TEXTS, alter_objects


class Reader(NamedTuple):
    """A command on a file: `main` gets the arguments, in which {file}, {folder} and {out} stand for paths."""

    command: str
    main: Callable[[list[str]], int]
    file: str  # the original that is changed
    arguments: str
    mutations: tuple[m.Mutation, ...]
    codes: tuple[int, ...] = (0, 2)  # that it may end with


def readers() -> list[Reader]:
    models = [*of_exported_models(), *of_foreign_networks(), *of_trained_models()]
    return [*models, *of_texts(), *of_runs(), *of_bundles(), *of_inspection()]


def of_exported_models() -> list[Reader]:
    from deploy.cli import main as deploy
    from export.cli import main as export
    from simulate.cli import main as simulate

    nir = (*m.OF_BYTES, *m.OF_HDF5, *m.OF_GRAPHS)
    chip, tokenizers = (*m.OF_BYTES, *m.OF_YAML), (m.alter_tokenizer, *[m.hostile_tokenizer] * 2)
    return [
        Reader("simulate", simulate, "model.nir", "{file} --text 'a good film' --out {out}", nir),
        Reader("simulate pairs", simulate, "pairs.nir", "{file} --text 'good\tfilm' --out {out}", nir),
        Reader("simulate number", simulate, "number.nir", "{file} --text 'a good film' --out {out}", nir),
        Reader("export .nir", export, "model.nir", "{file} --to nir -o {out}", nir),
        Reader("resources", deploy, "model.nir", "resources {file}", nir),
        Reader("tokenizer", simulate, "model.nir", "{file} --text 'a good film' --out {out}", tokenizers),
        Reader("spikes", simulate, "model.nir", "{file} --text 'a good film' --spikes --out {out}", (m.rename_node,)),
        Reader("draw", export, "model.nir", "{file} --draw {out}.svg", (m.rename_node,)),
        Reader("onnx-integer", export, "model.nir", "{file} --to onnx-integer -o {out}", (m.rename_node,)),
        Reader("map", deploy, "model.nir", "map {file} -o {out}", (m.rename_node, *m.OF_GRAPHS)),
        Reader("map --chip", deploy, "chip.yaml", "map {folder}/model.nir --chip {file} -o {out}", chip),
        Reader(
            "bundle --chip",
            deploy,
            "chip.yaml",
            "bundle {folder}/model.nir --data {folder}/texts.tsv --chip {file} -o {out}",
            chip,
        ),
    ]


def of_foreign_networks() -> list[Reader]:
    from export.cli import main as export
    from simulate.cli import main as simulate

    nir, npy = (*m.OF_BYTES, *m.OF_HDF5, *OF_NETWORKS * 3), (*m.OF_BYTES, m.alter_shape)
    given = "--input {folder}/spikes.npy --out {out}"
    return [
        Reader("foreign", simulate, "foreign.nir", f"{{file}} {given}", nir),
        Reader("foreign --dt", simulate, "foreign.nir", f"{{file}} {given} --dt 1e-5", nir),
        Reader("foreign export", export, "foreign.nir", "{file} --to nir -o {out}", nir),
        Reader("foreign input", simulate, "spikes.npy", "{folder}/foreign.nir --input {file} --out {out}", npy),
    ]


def of_trained_models() -> list[Reader]:
    from export.cli import main as export

    json = (*m.OF_BYTES, *m.OF_JSON)
    tensors = (*m.OF_BYTES, *[m.alter_tensors] * 4, *[m.alter_members] * 4, *[strangers.other_archive] * 2)
    words = (*json, *[strangers.hostile_words] * 3)
    safetensors = (*m.OF_BYTES, *[m.alter_header] * 4)
    folder = "{folder}/model --to nir -o {out}"
    teacher = "{folder}/teacher"
    return [
        Reader("export .pt", export, "model.pt", "{file} --to nir -o {out}", tensors),
        Reader("export .pt onnx", export, "model.pt", "{file} --to onnx -o {out}", tensors),
        Reader("folder weights", export, "model/model.safetensors", folder, safetensors),
        Reader("folder config", export, "model/config.json", folder, json),
        Reader("folder tokenizer", export, "model/tokenizer.json", folder, json),
        Reader("folder notes", export, "model/training.json", folder, json),
        Reader("checkpoint", resume, "checkpoint", "{file}", tensors),
        Reader("student", begin_with, "student/student.pt", "{folder}/student", tensors),
        Reader("settings", claim, "training/settings.json", "{folder}/training", json),
        Reader("teacher config", load_teacher, "teacher/config.json", teacher, json),
        Reader("teacher weights", load_teacher, "teacher/model.safetensors", teacher, safetensors),
        Reader("teacher words", load_teacher, "teacher/tokenizer.json", teacher, words),
        Reader("teacher files", load_teacher, "teacher/config.json", teacher, (strangers.replace_a_neighbour,)),
        Reader("teacher .bin", load_teacher, "older teacher/pytorch_model.bin", "'{folder}/older teacher'", tensors),
    ]


def of_texts() -> list[Reader]:
    from simulate.cli import main as simulate

    texts = (*m.OF_BYTES, *OF_TEXTS)
    objects = (*m.OF_BYTES, *OF_TEXTS, *[alter_objects] * 6)

    def data(file: str, mutations: tuple[m.Mutation, ...], options: str = "") -> Reader:
        command = "{folder}/model.nir --data {file} --out {out}"
        return Reader(f"--data {file}", simulate, file, f"{command} {options}", mutations)

    return [
        *(data(file, texts) for file in ("texts.tsv", "texts.csv", "alone.txt", "alone.csv")),
        data("texts.tsv.gz", m.OF_BYTES),
        data("texts.jsonl", objects),
        data("columns.csv", texts, "--label-column gold --text-column body"),
        Reader("--data pairs", simulate, "pairs.csv", "{folder}/pairs.nir --data {file} --out {out}", texts),
        Reader("--data numbers", simulate, "numbers.tsv", "{folder}/number.nir --data {file} --out {out}", texts),
        Reader("--task", read_task, "task/train.tsv", "{folder}/task", (*texts, strangers.replace_a_neighbour)),
        Reader("--task FILE", read_task, "task.tsv", "{file}", texts),
        Reader("--task pairs", read_task, "pairs.csv", "{file}", texts),
        Reader("--corpus", read_corpus, "alone.txt", "{file}", texts),
    ]


def of_runs() -> list[Reader]:
    from deploy.cli import main as deploy
    from simulate.report.cli import main as report

    json, npz = (*m.OF_BYTES, *m.OF_JSON), (*m.OF_BYTES, m.alter_arrays)
    page, counts = "{folder}/run -o {out}.html", "run/counts.json"
    return [
        Reader("report", report, counts, "{folder}/run -o {out}.md", json),
        Reader("report trace", report, "run/trace.npz", page, npz),
        Reader("report --teacher", report, "teacher/config.json", "{folder}/run --teacher {file} -o {out}.json", json),
        Reader("report compare", report, counts, "compare {folder}/run {folder}/bundle/energy -o {out}.md", json),
        Reader(
            "report --mapping", report, "map/mapping.json", "{folder}/run --mapping {folder}/map -o {out}.html", json
        ),
        Reader("map --counts", deploy, counts, "map {folder}/model.nir --counts {file} -o {out}", json),
        Reader(
            "map --counts DIR",
            deploy,
            counts,
            "map {folder}/model.nir --counts {folder}/run -o {out}",
            (strangers.replace_a_neighbour,),
        ),
    ]


def of_bundles() -> list[Reader]:
    from deploy.cli import main as deploy

    npz, json = (*m.OF_BYTES, *[m.alter_arrays] * 4, m.multiply_members), (*m.OF_BYTES, *m.OF_JSON)
    verify, whole = "verify {folder}/bundle --no-lava", (0, 1, 2)
    theirs = "verify {folder}/bundle --no-lava --theirs {file}"

    def inside(file: str, mutations: tuple[m.Mutation, ...]) -> Reader:
        return Reader(f"verify {file}", deploy, f"bundle/{file}", verify, tuple(map(m.resummed, mutations)), whole)

    return [
        Reader(
            "bundle --with",
            deploy,
            "with/notes",
            "bundle {folder}/model.nir --data {folder}/texts.tsv --with {file} -o {out}",
            (strangers.replace_a_neighbour, m.add_stranger),
        ),
        Reader("verify sums", deploy, "bundle/SHA256SUMS", verify, (*m.OF_BYTES, *[m.add_stranger] * 4)),
        Reader("verify --theirs", deploy, "theirs.npz", theirs, npz, whole),
        inside("manifest.json", json),
        inside("golden.npz", npz),
        inside("model.nir", (*m.OF_HDF5, *m.OF_GRAPHS)),
        inside("reference/model.bin", m.OF_BYTES),
    ]


def of_inspection() -> list[Reader]:
    from deploy.workbench.cli import main as spikebert

    hdf5, json = (*m.OF_BYTES, *m.OF_HDF5), (*m.OF_BYTES, *m.OF_JSON)
    folders = {
        "run": "counts.json",
        "map": "mapping.json",
        "bundle": "manifest.json",
        "training": "settings.json",
    }
    return [
        Reader("inspect model", spikebert, "model.nir", "inspect {file}", (*hdf5, *m.OF_GRAPHS)),
        Reader("inspect foreign", spikebert, "foreign.nir", "inspect {file} --json", (*hdf5, *OF_NETWORKS)),
        *(
            Reader(f"inspect {folder}", spikebert, f"{folder}/{file}", f"inspect {{folder}}/{folder}", json)
            for folder, file in folders.items()
        ),
    ]


def resume(arguments: list[str]) -> int:
    """Training that goes on from the checkpoint of `tiny_training`."""
    return exit_cleanly("resume", lambda: tiny_training(Path(arguments[0])))


def tiny_training(checkpoint: Path) -> None:
    """Two steps of a layer of two weights, with a checkpoint behind them."""
    import torch

    from spikebert.training.loop import Example, Metrics, Schedule, train

    layer, schedule = torch.nn.Linear(1, 1), Schedule(epochs=2, batch_size=1, learning_rate=0.1, seed=0)
    metrics = Metrics(checkpoint.with_name("metrics.jsonl"))
    train(
        "fuzz", layer, lambda _: {"loss": layer(torch.ones(1)).sum()}, [Example([1], 0)], schedule, checkpoint, metrics
    )


def begin_with(arguments: list[str]) -> int:
    """Training that begins from the student of another."""
    from spikebert.training import warm_start

    return exit_cleanly("warm start", lambda: warm_start.load(tiny_student(), arguments[0]))


def tiny_student():
    from spikebert.training.distill import Student
    from tests.spikebert.model.test_model import small_model

    return Student(small_model(num_hidden_layers=1), teacher_width=4)


def claim(arguments: list[str]) -> int:
    """A folder that holds a training already, as it was begun by `Run(settings(folder))`."""
    from spikebert.training.run import Run

    return exit_cleanly("claim", lambda: (Run(settings(arguments[0]), "student"), None)[1])


def settings(out: str):
    from spikebert.training.settings import settings_of

    return settings_of(task="tweets", out=out)


def read_task(arguments: list[str]) -> int:
    """What training does first: it reads the task, and shows it."""
    from spikebert.data import summary, tasks

    return exit_cleanly("task", lambda: summary.announce(tasks.load_task(arguments[0])))


def read_corpus(arguments: list[str]) -> int:
    from spikebert.data import tasks

    return exit_cleanly("corpus", lambda: (tasks.read_corpus(arguments[0], 5, seed=0), None)[1])


def load_teacher(arguments: list[str]) -> int:
    from spikebert.training import teacher

    return exit_cleanly("teacher", lambda: (teacher.load(arguments[0], ["a", "b"]), None)[1])
