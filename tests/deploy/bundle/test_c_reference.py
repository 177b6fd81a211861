"""The C reference: compiled, and held to the golden vectors of every kind of graph."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deploy.bundle import binary, golden
from tests.random_graph import pairs_of_texts, random_graph

SOURCE = Path(__file__).parents[3] / "examples" / "c_reference" / "reference.c"
CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
MEMBRANE = {"residual": "membrane", "exponents": True}
pytestmark = pytest.mark.skipif(CC is None, reason="no C compiler here")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("c") / "reference"
    strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O1", "-fsanitize=undefined,address"]
    subprocess.run([CC, *strict, "-o", path, SOURCE], check=True)
    return path


def run(program, folder):
    files = [folder / "model.bin", folder / "golden.bin"]
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # what it leaves, it leaves to its end
    return subprocess.run([program, *files], capture_output=True, text=True, env=environment)


def write(folder, graph, sentences=None):
    rng = np.random.default_rng(0)
    sentences = sentences or [rng.integers(0, 50, n) for n in (7, 1, 16)]
    (folder / "model.bin").write_bytes(binary.model_bytes(graph))
    (folder / "golden.bin").write_bytes(binary.golden_bytes(graph, golden.compute(graph, sentences)))


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize(
    "values", [{}, {"exponents": True, "width": 10, "steps": 1}, {"steps": 7, "levels": 3}, MEMBRANE]
)
def test_it_gives_every_spike_and_logit(program, tmp_path, norm, reset, values):
    write(tmp_path, random_graph(norm=norm, reset=reset, **values))
    done = run(program, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("3 texts: ")


def test_sentence_pairs_are_a_version_of_the_form(program, tmp_path):
    write(tmp_path, random_graph(separator=7), pairs_of_texts(7))
    assert (tmp_path / "model.bin").read_bytes()[4] == 2
    done = run(program, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    write(tmp_path, random_graph())
    assert (tmp_path / "model.bin").read_bytes()[4] == 1


def test_a_stream_of_currents_is_a_version_of_the_form_with_or_without_pairs(program, tmp_path):
    for separator, sentences in ((-1, None), (7, pairs_of_texts(7))):
        write(tmp_path, random_graph(norm="batch", residual="membrane", separator=separator), sentences)
        assert (tmp_path / "model.bin").read_bytes()[4] == 3
        done = run(program, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("labels", [3, 1])
def test_words_of_both_texts_are_a_version_of_the_form_whatever_is_predicted(program, tmp_path, labels):
    graph = random_graph(separator=7, shared_words=1, labels=labels)
    graph = replace(graph, labels=()) if labels == 1 else graph
    write(tmp_path, graph, pairs_of_texts(7))
    assert (tmp_path / "model.bin").read_bytes()[4] == 6
    done = run(program, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("score" in done.stdout) == (labels == 1)


@pytest.mark.parametrize(
    "shape",
    [
        {"norm": "layer", "reset": "subtract"},
        {"norm": "batch", "reset": "zero", "residual": "membrane", "steps": 1},
        {"norm": "batch", "reset": "zero", "residual": "membrane", "attention_only": True},
        {"separator": 7, "shared_words": 1},
        {"labels": 1},
    ],
)
def test_neighbours_are_a_version_of_the_form_whatever_is_predicted(program, tmp_path, shape):
    graph = random_graph(neighbours=True, **shape)
    number = shape.get("labels") == 1
    write(tmp_path, replace(graph, labels=()) if number else graph, pairs_of_texts(7))
    assert (tmp_path / "model.bin").read_bytes()[4] == 7
    done = run(program, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("score" in done.stdout) == number


def test_it_names_the_first_spike_that_differs(program, tmp_path):
    write(tmp_path, random_graph())
    content = bytearray((tmp_path / "golden.bin").read_bytes())
    content[12 + 4 + 7 * 4 + 3 * 8] ^= 0x80  # the first spike: behind head, tokens and logits
    (tmp_path / "golden.bin").write_bytes(bytes(content))
    done = run(program, tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("text 0, step 0, node 2, token 0, neuron 0")


def test_a_truncated_file_is_refused(program, tmp_path):
    write(tmp_path, random_graph())
    for name in ("model.bin", "golden.bin"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        done = run(program, tmp_path)
        assert (done.returncode, done.stderr) == (2, "reference: a file ends too early\n")
        (tmp_path / name).write_bytes(whole)


def test_a_predicted_number_is_a_version_of_the_form_and_is_printed(program, tmp_path):
    graph = replace(random_graph(labels=1), labels=())
    write(tmp_path, graph)
    assert (tmp_path / "model.bin").read_bytes()[4] == 5
    done = run(program, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("text 0: score ") and done.stdout.splitlines()[3].startswith("3 texts: ")
