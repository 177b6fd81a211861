"""The student of a finished run as the beginning of another."""

import shutil

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel, WordPiece
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from export.ir import nir
from export.lower.pipeline import lower
from simulate.fast import FastSimulator
from spikebert.cli import main
from spikebert.core.errors import InputError
from spikebert.data.metrics import Metric
from spikebert.data.rows import Row
from spikebert.model.checkpoint import TrainedModel, load_model
from spikebert.model.torch_file import read_tensors
from spikebert.training import model_start, warm_start
from spikebert.training.deciding import decide
from spikebert.training.distill import Student
from spikebert.training.settings import settings_of
from tests.spikebert.model.test_model import batch, small_model
from tests.spikebert.training.test_training import WORDS, command, task, teacher, tokenizer_of_words

__all__ = ["task", "teacher"]  # fixtures


@pytest.fixture(scope="module")
def general(tmp_path_factory, task, teacher):
    """A run of stage 1 alone."""
    folder = tmp_path_factory.mktemp("runs") / "general"
    assert main([*command(task, teacher, folder), "--epochs", "0"]) == 0
    return folder


def values(run):
    return load_model(run / "model.pt").model.state_dict().values()


def test_a_run_from_another_ones_stage_1_ends_like_one_that_did_it_itself(tmp_path, task, teacher, general):
    whole, rest = tmp_path / "whole", tmp_path / "rest"
    assert main(command(task, teacher, whole)) == 0
    assert main([*command(task, teacher, rest), "--warm-start", str(general)]) == 0
    assert all(torch.equal(a, b) for a, b in zip(values(whole), values(rest), strict=True))


def test_a_smaller_student_takes_the_first_blocks_of_a_larger_one(tmp_path, task, teacher, general, capsys):
    small = tmp_path / "small"
    start = [*command(task, teacher, small), "--warm-start", str(general)]
    assert main([*start, "--blocks", "1", "--learning-rate", "1e-12"]) == 0
    assert "of its 2 blocks the first 1 are taken" in capsys.readouterr().out
    begun = read_tensors(general / "student.pt", "student")["student"]
    own = load_model(small / "model.pt").model.state_dict()
    weights = [name for name in own if name.startswith("blocks.") and name.endswith("weight")]
    assert weights and all(torch.allclose(own[name], begun[f"model.{name}"]) for name in weights)


def test_a_run_does_not_go_on_from_a_beginning_that_has_changed(tmp_path, task, teacher, general, capsys):
    begin, out = shutil.copytree(general, tmp_path / "begin"), tmp_path / "out"
    arguments = [*command(task, teacher, out), "--warm-start", str(begin)]
    assert main(arguments) == 0
    (out / "model.pt").unlink()  # as where it was killed at its end
    (begin / "student.pt").write_bytes((begin / "student.pt").read_bytes() + b" ")
    assert main(arguments) == 2
    assert f"--warm-start {begin}" in capsys.readouterr().err


def test_stage_1_alone_gives_no_model(general, capsys, task, teacher):
    assert not (general / "model.pt").exists()
    assert main([*command(task, teacher, general), "--epochs", "0"]) == 0
    assert "is finished" in capsys.readouterr().out


def test_a_run_may_have_more_time_steps_than_the_one_it_begins_from(tmp_path, task, teacher, general):
    out = tmp_path / "out"
    assert main([*command(task, teacher, out), "--warm-start", str(general), "--time-steps", "2", "--epochs", "1"]) == 0
    assert load_model(out / "model.pt").model.config.time_steps == 2


def test_a_task_with_more_labels_has_a_head_of_its_own(tmp_path, teacher, general):
    rows = [f"{'abc'[i % 3]}\tw{i % 3} good w{i % 5}" for i in range(60)]
    (tmp_path / "three.tsv").write_text("\n".join(rows))
    arguments = command(tmp_path / "three.tsv", teacher, tmp_path / "out")
    assert main([*arguments, "--warm-start", str(general), "--epochs", "1"]) == 0
    assert load_model(tmp_path / "out/model.pt").labels == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--blocks", "3"], "num_hidden_layers = 2, this one 3"),
        (["--skip-layers", "1"], "--skip-layers"),
    ],
)
def test_another_shape_is_refused_by_name(tmp_path, task, teacher, general, capsys, options, said):
    assert main([*command(task, teacher, tmp_path / "a"), *options, "--warm-start", str(general)]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_a_student_and_a_damaged_one_are_refused_in_one_line(tmp_path, task, teacher, capsys):
    for content, said in ((None, "holds no student.pt"), (b"no tensors", "not a readable student")):
        if content:
            (tmp_path / "student.pt").write_bytes(content)
        assert main([*command(task, teacher, tmp_path / "a"), "--warm-start", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


@pytest.fixture(scope="module")
def shipped(tmp_path_factory, task, teacher):
    """An exported model, as a team passes it on: the file alone."""
    out = tmp_path_factory.mktemp("runs") / "shipped"
    options = ["--norm", "batch", "--residual", "membrane", "--time-steps", "1", "--stage1-epochs", "0"]
    assert main([*command(task, teacher, out), *options]) == 0
    nir.write(lower(load_model(out / "model.pt")), out / "model.nir")
    return out / "model.nir"


def test_a_student_begins_from_an_exported_model_and_has_its_shape(tmp_path, task, teacher, shipped):
    few = tmp_path / "few"
    assert main([*command(task, teacher, few), "--warm-start", str(shipped), "--learning-rate", "1e-30"]) == 0
    begun, graph = load_model(few / "model.pt"), nir.read(shipped)
    assert begun.model.config.residual == "membrane" and begun.model.config.time_steps == 1
    tokens = [np.array([2, 4, 9, 3]), np.array([2, 7, 3])]
    ours, theirs = (FastSimulator(each).run(tokens, record=True) for each in (lower(begun), graph))
    agreement = [np.mean(train == theirs.spikes[name]) for name, train in ours.spikes.items()]
    assert min(agreement) > 0.9  # of an untouched student but for the statistics, which training renews


def test_an_option_that_asks_for_another_shape_than_the_models_is_refused(tmp_path, task, teacher, shipped, capsys):
    arguments = [*command(task, teacher, tmp_path / "out"), "--warm-start", str(shipped), "--time-steps", "3"]
    assert main(arguments) == 2
    assert "--time-steps 3" in capsys.readouterr().err
    assert not (tmp_path / "out/model.pt").exists()


def test_a_student_of_attention_alone_begins_from_a_model_with_mlps(tmp_path, task, teacher, shipped, capsys):
    alone = tmp_path / "alone"
    assert main([*command(task, teacher, alone), "--warm-start", str(shipped), "--attention-only"]) == 0
    assert "the MLPs of the model are left out" in capsys.readouterr().out
    graph = lower(load_model(alone / "model.pt"))
    assert not any("mlp" in node.name for node in graph)


def test_a_run_of_attention_alone_begins_from_one_with_mlps(tmp_path):
    before, student = Student(small_model(), 32), Student(small_model(attention_only=True), 32)
    warm_start.save(before, tmp_path)
    warm_start.load(student, str(tmp_path))
    ours, theirs = student.model.state_dict(), before.model.state_dict()
    assert theirs.keys() - ours.keys() == {name for name in theirs if ".mlp." in name}
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    warm_start.save(student, tmp_path)
    with pytest.raises(InputError, match="attention_only = True, this one False"):
        warm_start.load(before, str(tmp_path))


def with_words(**values):
    model, words = small_model(vocab_size=len(WORDS), **values), tokenizer_of_words()
    return TrainedModel(model, words.backend_tokenizer.to_str(), ["a", "b"], {}), words


def test_a_student_that_tells_of_neighbours_begins_as_the_run_that_does_not(tmp_path):
    before, student = Student(small_model(), 32), Student(small_model(neighbours=True), 32)
    warm_start.save(before, tmp_path)
    warm_start.load(student, str(tmp_path))
    with torch.no_grad():
        assert torch.equal(student.model(*batch()).logits, before.model(*batch()).logits)


def test_a_student_that_tells_of_neighbours_begins_as_the_model_that_does_not():
    (before, words), (student, _) = with_words(), with_words(neighbours=True)
    model_start.put(student.model, before, words, ["a", "b"])
    tokens, mask = batch()[0] % len(WORDS), batch()[1]
    with torch.no_grad():
        assert torch.equal(student.model(tokens, mask).logits, before.model(tokens, mask).logits)


@pytest.mark.parametrize("has", [False, True])
@pytest.mark.parametrize("asked", [False, True])
def test_a_student_has_neighbours_where_its_beginning_has_them_or_they_are_asked_for(has, asked):
    settings = settings_of(task="task", out="out", warm_start="model.pt", neighbours=asked)
    assert model_start.shape(with_words(neighbours=has)[0], settings)["neighbours"] == (has or asked)


def test_a_student_of_fewer_words_has_their_rows_of_both_tables():
    before, _ = with_words(neighbours=True)
    fewer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS[::2])}, unk_token=WORDS[0]))
    student = small_model(vocab_size=16, neighbours=True)
    model_start.put(student, before, PreTrainedTokenizerFast(tokenizer_object=fewer), ["a", "b"])
    for table in ("word", "neighbour"):
        rows = getattr(before.model.embeddings, table).weight[::2]
        assert torch.equal(getattr(student.embeddings, table).weight, rows)


@pytest.mark.parametrize("beginning", ["general", "shipped"])
def test_a_run_may_tell_of_neighbours_where_its_beginning_does_not(tmp_path, task, teacher, beginning, request):
    begin = ["--warm-start", str(request.getfixturevalue(beginning)), "--epochs", "1", "--limit", "32"]
    assert main([*command(task, teacher, tmp_path / "told", *begin), "--neighbours"]) == 0
    assert load_model(tmp_path / "told/model.pt").model.embeddings.neighbour.weight.any()


def test_a_run_that_tells_of_none_does_not_begin_from_one_that_does(tmp_path):
    before, student = Student(small_model(neighbours=True), 32), Student(small_model(), 32)
    warm_start.save(before, tmp_path)
    with pytest.raises(InputError, match="neighbours = True, this one False"):
        warm_start.load(student, str(tmp_path))


def test_word_pieces_that_a_model_does_not_have_begin_as_their_parts():
    def tokenizer(words):
        vocabulary = {word: number for number, word in enumerate(["[UNK]", *words])}
        pieces = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
        pieces.pre_tokenizer = Whitespace()
        return pieces

    table = torch.arange(8.0).reshape(4, 2)
    small = tokenizer(["foot", "##ball", "ball"])
    whole = PreTrainedTokenizerFast(tokenizer_object=tokenizer(["football", "ball", "foot", "##ball"]))
    rows = model_start._words(table, model_start._parts(small.to_str(), whole))
    assert rows.tolist() == [[0, 1], [3, 4], [6, 7], [2, 3], [4, 5]]


def test_a_student_begins_with_the_logits_that_its_beginning_had_before_it_decided_by_f1():
    (before, words), (student, _) = with_words(), with_words()
    rows = [Row("ab"[i % 2], WORDS[5 + i % 9]) for i in range(40)]
    tokens, mask = batch()[0] % len(WORDS), batch()[1]
    with torch.no_grad():
        logits = before.model.eval()(tokens, mask).logits
        before.training.update(decide(before, rows, Metric("f1", "b")))
        assert not torch.allclose(before.model(tokens, mask).logits, logits, atol=1e-5)
        model_start.put(student.model, before, words, ["a", "b"])
        assert torch.allclose(student.model.eval()(tokens, mask).logits, logits, atol=1e-5)
