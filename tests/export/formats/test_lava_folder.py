"""The script of `--to lava`, run as a user runs it."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from export.formats import lava_folder
from simulate.fast import FastSimulator
from simulate.text import encode
from spikebert.core.errors import InputError
from spikebert.core.files import LIST
from tests.random_graph import random_graph

TEXT = "a very good film"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(lava_folder.__file__).parents[2])}  # the checkout, installed


@pytest.fixture(scope="module")
def graph():
    words = ["[UNK]", *TEXT.split(), "[SEP]"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A [SEP]", special_tokens=[("[SEP]", words.index("[SEP]"))]
    )
    return replace(random_graph(), tokenizer=tokenizer.to_str())


@pytest.mark.needs("lava")
@pytest.mark.parametrize("granularity", ["block", "layer"])
def test_the_script_prints_the_logits_and_spikes_of_the_fast_simulator_and_leaves_no_process(
    tmp_path, graph, granularity
):
    lava_folder.write(graph, tmp_path / "lava")
    expected = FastSimulator(graph).run(encode(graph, [TEXT], "text"), record=True)
    command = [sys.executable, "run.py", TEXT, "--granularity", granularity]
    with subprocess.Popen(
        command, cwd=tmp_path / "lava", env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        output, _ = process.communicate(timeout=400)
    assert process.returncode == 0
    printed = printed_by(output)
    assert logits_of(printed, graph) == expected.logits[0].tolist()
    assert printed["label"] == graph.labels[expected.logits[0].argmax()]
    spikes = int(expected.spikes["blocks.0.attention.qkv.lif"].sum())
    assert int(printed["spikes of Q, K and V in block 0"]) == spikes > 0
    assert sorted(p.name for p in (tmp_path / "lava").iterdir() if p.name != "__pycache__") == [
        LIST,
        "README.md",
        "model.nir",
        "run.py",
    ]
    for _ in range(50):  # multiprocessing's resource tracker ends by itself, a moment after its parent
        if not running(process.pid):
            break
        time.sleep(0.1)
    assert running(process.pid) == []


def script(folder: Path, text: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "run.py", text]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)


def printed_by(output: str) -> dict[str, str]:
    return dict(line.split(": ") for line in output.splitlines() if ": " in line)


def logits_of(printed: dict[str, str], graph) -> list[int]:
    return [int(printed[f"logit of {label}"]) for label in graph.labels]


@pytest.mark.needs("lava")
def test_the_script_says_that_it_cuts_a_text_that_is_too_long_and_cuts_it_as_the_simulator_does(tmp_path, graph):
    lava_folder.write(graph, tmp_path / "lava")
    text = " ".join([TEXT.split()[0]] * (graph.max_tokens + 3))
    done = script(tmp_path / "lava", text)
    assert done.returncode == 0, done.stderr
    most = graph.max_tokens
    assert f"the text has {most + 4} tokens and is cut to the model's {most}\ntokens: {most}\n" in done.stdout
    expected = FastSimulator(graph).run(encode(graph, [text], "text", truncate=True), record=False)
    assert logits_of(printed_by(done.stdout), graph) == expected.logits[0].tolist()


@pytest.mark.needs("lava")
def test_the_script_refuses_an_empty_text(tmp_path, graph):
    lava_folder.write(graph, tmp_path / "lava")
    done = script(tmp_path / "lava", " ")
    assert done.returncode == 2
    assert "the text is empty" in done.stderr


@pytest.mark.parametrize("package", ["spikebert", "lava"])
def test_the_script_says_in_one_line_what_is_to_install(tmp_path, graph, package):
    lava_folder.write(graph, tmp_path / "lava")
    code = f"import runpy, sys; sys.modules[{package!r}] = None; runpy.run_path('run.py', run_name='__main__')"
    command = [sys.executable, "-c", code, TEXT]
    done = subprocess.run(command, cwd=tmp_path / "lava", env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("run.py: error: spikebert and lava-nc are not both installed; ")
    assert done.stderr.endswith(": pip install '.[lava]'\n") and done.stderr.count("\n") == 1


@pytest.mark.needs("lava")
def test_the_script_refuses_a_damaged_model_in_one_line(tmp_path, graph):
    lava_folder.write(graph, tmp_path / "lava")
    (tmp_path / "lava" / "model.nir").write_bytes(b"none")
    done = script(tmp_path / "lava", TEXT)
    assert done.returncode == 2
    assert "model.nir: not a readable exported model file" in done.stderr and done.stderr.count("\n") == 1


def running(group: int) -> list[str]:
    """The processes of a process group that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            name, _, fields = path.read_text().rpartition(") ")
            state, _, its_group, *_ = fields.split()
            if int(its_group) == group and state != "Z":
                found.append(name)
    return found


def test_a_folder_with_other_things_is_left_alone(tmp_path, graph):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(InputError, match="holds notes, which"):
        lava_folder.write(graph, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes"]
