"""Losses, the loop, and the whole trainer on a small scale."""

import gzip
import json
import random
import re
import shutil
import time

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from spikebert.cli import main
from spikebert.core.errors import InputError
from spikebert.model.checkpoint import load_model
from spikebert.model.recording import record_spikes
from spikebert.model.torch_file import read_tensors
from spikebert.training.distill import Student, initialise_blocks, initialise_embeddings
from spikebert.training.loop import NO_LABEL, NO_NUMBER, Batch, Example, Metrics, Schedule, train
from spikebert.training.losses import aligned_layers, distance, firing_rate, label_loss, logits_loss
from spikebert.training.run import Run
from spikebert.training.settings import Settings
from spikebert.training.teacher import BertOfMeans, MeanOfTeachers, Teacher, load
from tests.processes import finish, start
from tests.spikebert.model.test_model import small_model

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "fine", "bad", "poor", *(f"w{i}" for i in range(24))]


def tokenizer_of_words():
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "sep")}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


@pytest.fixture(scope="session")
def teacher(tmp_path_factory):
    """A real BERT of four layers, untrained, with a tokenizer, as a folder."""
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer_of_words().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def task(tmp_path_factory):
    """A task that a child could do."""
    folder = tmp_path_factory.mktemp("task")
    rows = [
        f"{'pos' if i % 2 else 'neg'}\tw{i % 24} {['bad', 'good', 'poor', 'fine'][i % 4]} w{i * 7 % 24}"
        for i in range(200)
    ]
    (folder / "train.tsv").write_text("\n".join(rows[:160]))
    (folder / "dev.tsv").write_text("\n".join(rows[160:]))
    return folder


def test_layers_are_aligned_every_so_many_and_the_last_with_the_last():
    assert aligned_layers(6, 12) == [2, 4, 6, 8, 10, 12]
    assert aligned_layers(2, 6) == [3, 6]
    assert aligned_layers(4, 6) == [2, 3, 5, 6]
    assert aligned_layers(4, 2) == [1, 1, 2, 2]


def test_front_layers_are_left_out_of_the_alignment_alone():
    assert aligned_layers(6, 12, skip=2) == [6, 8, 10, 12]
    student = Student(small_model(), 32, skip=1)
    tokens = torch.arange(2, 10)[None]
    targets = [torch.randn(8, 32)]
    by_hand = distance(student.alignment.features[0](student.model(tokens, features=True).features[1]), targets[0])
    loss = student.alignment.feature_loss(student.model(tokens, features=True), targets)
    assert float(loss) == pytest.approx(float(by_hand))


def test_the_distance_is_the_l2_norm_of_each_token_over_the_root_of_the_width():
    a, b = torch.randn(7, 16), torch.randn(7, 16)
    by_hand = sum(float((x - y).norm()) / 4 for x, y in zip(a, b, strict=True)) / 7
    assert float(distance(a, b)) == pytest.approx(by_hand, rel=1e-5)


def test_texts_without_a_label_add_nothing_to_the_cross_entropy():
    logits, labels = torch.randn(3, 2), torch.tensor([1, NO_LABEL, 0])
    by_hand = torch.nn.functional.cross_entropy(logits[[0, 2]], labels[[0, 2]])
    assert float(label_loss(logits, labels)) == pytest.approx(float(by_hand))
    assert float(label_loss(logits, torch.full((3,), NO_LABEL))) == 0


def test_numbers_are_learned_by_the_squared_error_in_units_of_their_spread():
    scores, labels = torch.tensor([[1.0], [4.0], [9.0]]), torch.tensor([3.0, 4.0, NO_NUMBER])
    assert float(label_loss(scores, labels, spread=2.0)) == 0.5  # a text without a number counts in no mean
    assert float(label_loss(scores, torch.full((3,), NO_NUMBER))) == 0
    assert float(logits_loss(scores, scores + 2, spread=2.0)) == 1


def test_the_logits_loss_is_the_kl_divergence_from_the_teacher():
    p, q = torch.tensor([[0.9, 0.1]]), torch.tensor([[0.5, 0.5]])
    by_hand = float((p * (p / q).log()).sum())
    assert float(logits_loss(q.log(), p.log())) == pytest.approx(by_hand, rel=1e-5)
    assert float(logits_loss(p.log(), p.log())) == pytest.approx(0.0, abs=1e-7)


def test_a_student_as_wide_as_its_teacher_starts_from_its_embeddings(teacher):
    bert = Teacher(BertForSequenceClassification.from_pretrained(teacher))
    model = small_model(vocab_size=len(WORDS), hidden_size=32)
    initialise_embeddings(model, bert)
    assert torch.equal(model.embeddings.word.weight, bert.model.bert.embeddings.word_embeddings.weight)


def test_a_narrower_student_keeps_the_distances_between_words(teacher):
    bert = Teacher(BertForSequenceClassification.from_pretrained(teacher))
    with torch.no_grad():  # words that differ in few directions
        bert.model.bert.embeddings.word_embeddings.weight.copy_(torch.randn(len(WORDS), 5) @ torch.randn(5, 32))
    model = small_model(vocab_size=len(WORDS), hidden_size=24)
    initialise_embeddings(model, bert)
    before = torch.cdist(*[bert.model.bert.embeddings.word_embeddings.weight] * 2)
    assert torch.allclose(torch.cdist(*[model.embeddings.word.weight] * 2), before, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("width", [24, 32, 40])
def test_the_table_of_neighbours_begins_at_zero(teacher, width):
    bert = Teacher(BertForSequenceClassification.from_pretrained(teacher))
    model = small_model(vocab_size=len(WORDS), hidden_size=width, neighbours=True)
    initialise_embeddings(model, bert)
    assert not model.embeddings.neighbour.weight.any()


def test_blocks_start_from_the_layers_that_they_follow(teacher):
    """A linear block of the student computes what the teacher's products compute."""
    bert = Teacher(BertForSequenceClassification.from_pretrained(teacher))
    with torch.no_grad():
        for name, bias in bert.model.named_parameters():
            if name.endswith("bias"):
                bias.normal_()
    model = small_model(hidden_size=32, intermediate_size=64)
    initialise_blocks(model, bert)
    x = torch.randn(5, 32)
    for block, number in zip(model.blocks, (2, 4), strict=True):
        layer = bert.model.bert.encoder.layer[number - 1]
        attention = layer.attention.self
        query, key, value = block.attention.qkv.linear(x).chunk(3, dim=-1)
        for a, b in ((query, attention.query(x)), (key, attention.key(x)), (value, attention.value(x))):
            assert torch.allclose(a, b, atol=1e-5)
        assert torch.allclose(block.attention.output.linear(x), layer.attention.output.dense(x), atol=1e-5)
        inside = layer.intermediate.dense(x)
        assert torch.allclose(block.mlp.up.linear(x), inside, atol=1e-5)
        assert torch.allclose(block.mlp.down.linear(inside), layer.output.dense(inside), atol=1e-5)


def test_blocks_without_an_mlp_start_from_a_teacher_whatever_its_mlps_have_inside(teacher):
    bert = Teacher(BertForSequenceClassification.from_pretrained(teacher))
    model = small_model(hidden_size=32, attention_only=True)
    assert model.config.intermediate_size != bert.model.config.intermediate_size
    initialise_blocks(model, bert)
    layer = bert.model.bert.encoder.layer[1]
    assert torch.equal(model.blocks[0].attention.output.linear.weight, layer.attention.output.dense.weight)


def test_a_student_with_its_teachers_widths_trains_from_its_blocks(task, tmp_path):
    wide = tmp_path / "bert"
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=96
    )
    BertForSequenceClassification(config).save_pretrained(wide)
    tokenizer_of_words().save_pretrained(wide)
    shape = ["--width", "24", "--heads", "3", "--blocks", "1", "--init", "blocks"]
    assert main([*command(task, wide, tmp_path / "run", "--limit", "32", "--epochs", "1"), *shape]) == 0
    config = load_model(tmp_path / "run" / "model.pt").model.config
    assert (config.hidden_size, config.num_attention_heads, config.num_hidden_layers) == (24, 3, 1)


def test_batches_depend_on_seed_and_epoch_alone_and_hold_each_example_once():
    examples = [Example([1] * (i % 9 + 1), 0) for i in range(100)]
    schedule = Schedule(2, 8, 1e-3, seed=3)
    first = schedule.order(examples, 0)
    assert first == schedule.order(examples, 0)
    assert first != schedule.order(examples, 1)
    assert sorted(i for batch in first for i in batch) == list(range(100))


def test_the_learning_rate_rises_then_falls_to_zero():
    schedule = Schedule(1, 8, 1.0, seed=0)
    rates = [schedule.rate(step, 100) for step in range(101)]
    assert rates[9] == max(rates) == 1.0
    assert rates[100] == 0.0
    assert rates == sorted(rates[:10]) + sorted(rates[10:], reverse=True)


def test_a_batch_holds_each_texts_tokens_and_zeros_behind_them():
    texts = [[2, 5, 3], [2, 3], [2, 9, 9, 8, 3]]
    batch = Batch.of([Example(tokens, label) for label, tokens in enumerate(texts)], [4, 7, 1])
    for row, text in enumerate(texts):
        padding = [0] * (5 - len(text))
        assert batch.tokens[row].tolist() == text + padding
        assert batch.mask[row].tolist() == [1] * len(text) + padding
    assert batch.labels.tolist() == [0, 1, 2] and batch.indices == [4, 7, 1]
    assert {batch.tokens.dtype, batch.mask.dtype, batch.labels.dtype} == {torch.int64}


def test_the_labels_of_a_regression_are_float32():
    batch = Batch.of([Example([2, 3], 4.0), Example([2, 5, 3], NO_NUMBER)])
    assert batch.labels.dtype == torch.float32
    assert float(batch.labels[0]) == 4.0 and batch.labels[1].isnan()


class Interrupted(Exception):
    pass


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    examples = [Example([2 + i % 30, 5, 7 + i % 3], i % 2) for i in range(60)]
    schedule = Schedule(2, 8, 1e-2, seed=0)

    def fit(folder, stop_after=None):
        student, calls = Student(small_model(norm="batch"), 32), 0

        def loss(batch: Batch):
            nonlocal calls
            calls += 1
            if calls == stop_after:
                raise Interrupted
            return {"loss": student.model(batch.tokens, batch.mask, labels=batch.labels).loss}

        folder.mkdir(exist_ok=True)
        train("test", student, loss, examples, schedule, folder / "c", Metrics(folder / "m"), checkpoint_seconds=0)
        return student.state_dict()

    whole = fit(tmp_path / "whole")
    for stop in (6, 3):
        with pytest.raises(Interrupted):
            fit(tmp_path / "parts", stop_after=stop)
    parts = fit(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    student, examples = Student(small_model(), 32), [Example([2, 3], 0)] * 8

    def loss(batch):
        return {"loss": student.model(batch.tokens, batch.mask, labels=batch.labels).loss}

    spent = train("a", student, loss, examples, Schedule(1, 4, 1e-3, 0), tmp_path / "c", Metrics(tmp_path / "m"))
    recorded = read_tensors(tmp_path / "c", "checkpoint")["seconds"]
    again = train("a", student, loss, examples, Schedule(1, 4, 1e-3, 0), tmp_path / "c", Metrics(tmp_path / "m"))
    assert 0 < recorded <= min(spent, again)  # what it took before it was repeated counts, too
    with pytest.raises(InputError, match="other settings"):
        train("a", student, loss, examples, Schedule(1, 4, 1e-3, seed=1), tmp_path / "c", Metrics(tmp_path / "m"))


def command(task, teacher, out, *more):
    arguments = f"--task {task} --teacher {teacher} --preset tiny --out {out} --batch-size 16 --learning-rate 2e-3"
    return [*arguments.split(), "--teacher-epochs", "3", "--teacher-learning-rate", "2e-3", *more]


def test_both_stages_learn_a_simple_task_and_write_a_model(task, teacher, tmp_path, capsys):
    assert main(command(task, teacher, tmp_path / "run", "--epochs", "4")) == 0
    trained = load_model(tmp_path / "run" / "model.pt")
    assert trained.labels == ["neg", "pos"]
    assert trained.training["accuracy"] > 0.9
    assert trained.training["majority"] == 0.5
    again = load_model(tmp_path / "run" / "model")
    assert all(
        torch.equal(a, b)
        for a, b in zip(trained.model.state_dict().values(), again.model.state_dict().values(), strict=True)
    )
    stages = {json.loads(line)["stage"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()}
    assert stages == {"stage 1", "stage 2", "finished"}
    assert "accuracy" in capsys.readouterr().out


def test_a_task_whose_name_is_not_utf_8_is_trained_and_resumed(task, teacher, tmp_path, capsys):
    named = tmp_path / "t\udcff"
    shutil.copytree(task, named)
    arguments = command(named, teacher, tmp_path / "run", "--epochs", "1", "--stage1-epochs", "0")
    assert main(arguments) == 0
    assert load_model(tmp_path / "run" / "model").training["task"] == r"t\udcff"
    capsys.readouterr()
    assert main(arguments) == 0
    assert "is finished" in capsys.readouterr().out


def test_the_metric_of_the_task_stands_in_every_record_of_a_training(task, teacher, tmp_path, capsys):
    metric = ["--metric", "f1:pos", "--epochs", "1", "--stage1-epochs", "0", "--limit", "20"]
    assert main(command(task, teacher, tmp_path / "run", *metric)) == 0
    assert capsys.readouterr().out.count("F1 of 'pos'") == 2  # of the teacher and of the student
    training = load_model(tmp_path / "run" / "model.pt").training
    assert training["decides"]["label"] == "pos" and 0 < training["decides"]["at"] <= 0.5
    assert training["metric"] == "f1:pos" and 0 <= training["score"] <= 1 and len(training["interval"]) == 2
    assert "F1 of 'pos'" in (tmp_path / "run" / "model" / "README.md").read_text("utf-8")


def test_a_metric_that_does_not_go_with_the_labels_is_refused_before_training(task, teacher, tmp_path, capsys):
    assert main(command(task, teacher, tmp_path / "run", "--metric", "spearman")) == 2
    assert "--metric spearman: is of numbers, and the label 'neg' is none" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_stage_two_learns_texts_without_labels_too(task, teacher, tmp_path, capsys):
    (tmp_path / "corpus.txt").write_text("w1 good w2\n\nw5 w5\nbad w7\n")
    more = ["--epochs", "1", "--stage1-epochs", "0", "--limit", "20", "--augment", "1"]
    corpus = ["--corpus", str(tmp_path / "corpus.txt"), "--unlabelled", "2"]
    assert main(command(task, teacher, tmp_path / "run", *more, *corpus)) == 0
    added = re.search(r"(\d+) more texts without labels", capsys.readouterr().out)
    assert added and int(added[1]) > 2


def test_a_corpus_of_fewer_texts_than_asked_for_says_so(task, teacher, tmp_path, capsys):
    (tmp_path / "corpus.txt").write_text("w1 good w2\nw5 w5\nbad w7\n")
    more = ["--epochs", "1", "--stage1-epochs", "0", "--limit", "20"]
    corpus = ["--corpus", str(tmp_path / "corpus.txt"), "--unlabelled", "5"]
    assert main(command(task, teacher, tmp_path / "run", *more, *corpus)) == 0
    assert "corpus.txt: all of its 3 texts are read, fewer than the 5 that were" in capsys.readouterr().out


def test_a_gzipped_corpus_is_text_and_one_of_empty_lines_is_refused(task, teacher, tmp_path, capsys):
    more = ["--epochs", "1", "--limit", "20", "--unlabelled", "2", "--corpus"]
    for name, content in (("corpus.txt.gz", b"w1 good w2\n\nw5 w5\nbad w7\n"), ("empty.txt.gz", b"\n \n")):
        (tmp_path / name).write_bytes(gzip.compress(content))
    assert main(command(task, teacher, tmp_path / "run", *more, str(tmp_path / "corpus.txt.gz"))) == 0
    assert "2 more texts without labels" in capsys.readouterr().out
    assert main(command(task, teacher, tmp_path / "none", *more, str(tmp_path / "empty.txt.gz"))) == 2
    assert "empty.txt.gz: holds no text" in capsys.readouterr().err


def test_two_trainings_do_not_share_a_folder(task, teacher, tmp_path, capsys):
    first = Run(Settings(task=str(task), out=str(tmp_path)), "student")
    assert main(command(task, teacher, tmp_path)) == 2
    assert "another training into it goes on" in capsys.readouterr().err
    assert first.model.exists() is False


def lacking(teacher, folder, *lost):
    """A copy of a teacher's folder without some of its weights."""
    shutil.copytree(teacher, folder)
    weights = load_file(folder / "model.safetensors")
    for name in lost:
        del weights[name]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_a_new_head_of_a_teacher_is_drawn_by_the_seed(task, teacher, tmp_path):
    headless = lacking(teacher, tmp_path / "headless", "classifier.weight", "classifier.bias")

    def trained(out, seed):
        torch.seed()  # another process begins elsewhere
        options = ("--teacher-epochs", "1", "--seed", seed)
        assert main(["teacher", "--task", str(task), "--teacher", str(headless), "--out", str(out), *options]) == 0
        return load_file(out / "model" / "model.safetensors")

    one, again, other = (trained(tmp_path / name, seed) for name, seed in (("a", "1"), ("b", "1"), ("c", "2")))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["classifier.weight"], other["classifier.weight"])


def test_a_teacher_of_means_reads_the_tokens_alone_and_says_so_in_its_folder(task, teacher, tmp_path):
    headless = lacking(teacher, tmp_path / "headless", "classifier.weight", "classifier.bias")
    options = ("--teacher-epochs", "1", "--teacher-pooling", "mean")
    source = ["--task", str(task), "--teacher", str(headless), "--out", str(tmp_path / "run")]
    assert main(["teacher", *source, *options]) == 0
    bert, _, fitted = load(str(tmp_path / "run" / "model"), ["neg", "pos"])
    assert fitted and isinstance(bert, BertOfMeans)
    tokens, mask = torch.tensor([[2, 4, 9, 3, 0]]), torch.tensor([[1, 1, 1, 1, 0]])
    logits, hidden = Teacher(bert)(tokens, mask)
    assert torch.allclose(logits, bert.classifier(hidden[-1].mean(0, keepdim=True)), atol=1e-6)
    assert torch.allclose(logits, Teacher(bert)(tokens[:, :4], mask[:, :4])[0], atol=1e-6)


def test_several_teachers_are_the_mean_of_their_probabilities_and_the_first_ones_features(teacher):
    first, second = (load(str(teacher), ["LABEL_0", "LABEL_1"])[0] for _ in range(2))
    torch.nn.init.normal_(second.classifier.weight)
    tokens = torch.arange(4, 12).view(2, 4)
    (a, features), (b, _), (both, kept) = (
        Teacher(model)(tokens, torch.ones_like(tokens)) for model in (first, second, MeanOfTeachers(first, [second]))
    )
    assert not torch.allclose(a, b)
    assert torch.allclose(both.exp(), (a.softmax(-1) + b.softmax(-1)) / 2)
    assert all(torch.equal(x, y) for x, y in zip(features, kept, strict=True))


def test_a_student_learns_from_several_teachers(task, teacher, tmp_path, capsys):
    folders = []
    for seed in ("0", "1"):
        # With labels of its own the model at hand gets a new head, and other ones with other seeds.
        options = ["--teacher-epochs", "3", "--teacher-learning-rate", "2e-3", "--seed", seed]
        assert (
            main(["teacher", "--task", str(task), "--teacher", str(teacher), *options, "--out", str(tmp_path / seed)])
            == 0
        )
        folders.append(str(tmp_path / seed / "model"))
    more = ["--stage1-epochs", "0", "--epochs", "2", "--more-teachers"]
    assert main(command(task, folders[0], tmp_path / "run", *more, folders[1])) == 0
    trained = load_model(tmp_path / "run" / "model.pt")
    assert trained.training["more_teachers"] == ["model"]
    assert trained.training["teacher_accuracy"] > 0.9
    capsys.readouterr()
    assert main(command(task, folders[0], tmp_path / "other", *more, str(teacher))) == 2
    assert f"--more-teachers {teacher}: is not fine-tuned for the labels neg, pos" in capsys.readouterr().err


def test_a_training_killed_at_random_moments_resumes_to_the_same_model(task, teacher, tmp_path):
    def arguments(name):
        return command(task, teacher, tmp_path / name, "--epochs", "2", "--stage1-epochs", "1", "--norm", "batch")

    began = time.monotonic()
    finish(arguments("whole"))
    seconds = time.monotonic() - began
    moments = random.Random(time.time_ns())
    for _ in range(3):
        child = start(arguments("killed"))
        child.join(moments.uniform(0.1, 1) * seconds)
        child.kill()
        child.join()
    finish(arguments("killed"))
    whole, killed = (load_model(tmp_path / name / "model.pt").model.state_dict() for name in ("whole", "killed"))
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    assert not list((tmp_path / "killed").rglob("*.checkpoint*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--teacher", "/no/such/folder"], "no such folder"),
        (["--more-teachers", "/no/such/folder"], "--more-teachers /no/such/folder: no such folder"),
        (["--task", "no-such-task"], "no such file or folder"),
        (["--epochs", "-1"], "--epochs -1: must not be negative"),
        (["--out", "/proc/none/x"], "/proc/none"),
        (["--corpus", "none.txt"], "none.txt: no such corpus file"),
        (["--unlabelled", "5"], "--unlabelled needs a corpus"),
        (["--init", "blocks"], "--init blocks: the student's hidden_size must be its teacher's, 32, not 128"),
        (["--heads", "3"], "--heads 3: must be a divisor of the width, 128"),
        (["--learning-rate", "-1"], "--learning-rate -1.0: must be above 0 and finite"),
        (["--teacher-learning-rate", "inf"], "--teacher-learning-rate inf: must be above 0 and finite"),
        (["--feature-weight", "nan"], "--feature-weight nan: must not be negative, and finite"),
        (["--seed", "99999999999999999999"], "--seed 99999999999999999999: must lie in 0 to"),
        (["--max-tokens", "2"], "--max-tokens 2: must be at least 3"),
        (["--warm-start", "run", "--epochs", "0"], "nothing would be trained"),
        (["--skip-layers", "2"], "--skip-layers 2: must be below the number of blocks, 2"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(task, teacher, tmp_path, capsys, arguments, message):
    assert main([*command(task, teacher, tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_corpus_that_is_missing_is_found_out_before_anything_is_trained(task, teacher, tmp_path, capsys):
    more = ["--teacher-epochs", "1", "--stage1-epochs", "0", "--unlabelled", "5", "--corpus", "none.txt"]
    fresh = lacking(teacher, tmp_path / "fresh", "classifier.weight", "classifier.bias")
    assert main(command(task, fresh, tmp_path / "run", *more)) == 2
    assert "none.txt: no such corpus file" in capsys.readouterr().err
    assert not (tmp_path / "run" / "teacher").exists()


def test_a_loss_that_is_not_finite_ends_the_training_and_leaves_no_model(task, teacher, tmp_path, capsys):
    arguments = command(task, teacher, tmp_path / "run", "--stage1-epochs", "0", "--epochs", "1")
    assert main([*arguments, "--feature-weight", "3e38", "--embedding-weight", "3e38"]) == 1
    assert "failed: stage 2, step 1 of" in capsys.readouterr().err
    assert not (tmp_path / "run" / "model.pt").exists()


def test_a_student_does_not_replace_the_teacher_that_has_its_folder(task, teacher, tmp_path, capsys):
    one = ["--task", str(task), "--teacher", str(teacher), "--teacher-epochs", "1", "--out", str(tmp_path / "run")]
    assert main(["teacher", *one]) == 0
    assert main(one) == 2
    assert "holds a run of another kind (teacher)" in capsys.readouterr().err
    assert json.loads((tmp_path / "run" / "model" / "config.json").read_text())["model_type"] == "bert"


def test_a_classifier_of_several_labels_at_once_becomes_one_of_single_labels(teacher, tmp_path):
    folder = shutil.copytree(teacher, tmp_path / "several")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "problem_type": "multi_label_classification"}))
    bert, _, _ = load(str(folder), ["neg", "pos"])
    tokens, labels = torch.tensor([[2, 4, 3]]), torch.tensor([1])
    assert bert(input_ids=tokens, attention_mask=torch.ones_like(tokens), labels=labels).loss.isfinite()


def test_a_damaged_config_of_a_teacher_is_named(task, tmp_path, capsys):
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "be')
    assert main(command(task, tmp_path / "bert", tmp_path / "out")) == 2
    assert "config.json: the config is not whole JSON" in capsys.readouterr().err


def test_a_pooling_that_a_fine_tuned_teacher_has_not_is_refused(teacher, tmp_path):
    folder = shutil.copytree(teacher, tmp_path / "fitted")
    config = json.loads((folder / "config.json").read_text())
    names = {"id2label": {"0": "neg", "1": "pos"}, "label2id": {"neg": 0, "pos": 1}}
    (folder / "config.json").write_text(json.dumps({**config, **names}))
    assert load(str(folder), ["neg", "pos"])[2]
    with pytest.raises(InputError, match="teacher_pooling mean"):
        load(str(folder), ["neg", "pos"], "mean")


def test_a_teacher_of_a_hub_that_is_not_reached_is_one_line_at_once(task, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    assert main([*command(task, "no-such-bert", tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "--teacher no-such-bert: no model folder, not minilm, and the hub is not reached from here" in error
    assert error.count("\n") == 1


def test_a_teacher_that_is_no_bert_is_refused(task, tmp_path, capsys):
    (tmp_path / "gpt").mkdir()
    (tmp_path / "gpt" / "config.json").write_text('{"model_type": "gpt2"}')
    assert main(command(task, tmp_path / "gpt", tmp_path / "out")) == 2
    assert "is a gpt2 model" in capsys.readouterr().err


def test_a_price_of_spikes_lowers_the_firing_rate(task, teacher, tmp_path):
    rates = {}
    for weight in ("0", "20"):
        arguments = command(task, teacher, tmp_path / weight, "--epochs", "2", "--spikes-weight", weight)
        assert main(arguments) == 0
        model = load_model(tmp_path / weight / "model.pt").model.eval()
        with torch.no_grad(), record_spikes(model) as spikes:
            model(torch.arange(10)[None])
        rates[weight] = float(firing_rate(spikes.values()))
    assert rates["20"] < rates["0"]


@pytest.mark.parametrize("lost", ["bert.encoder.layer.1.output.dense.weight", "bert.embeddings.word_embeddings.weight"])
def test_a_teacher_that_lacks_a_weight_is_refused_and_not_filled_up(task, teacher, tmp_path, capsys, lost):
    damaged = lacking(teacher, tmp_path / "bert", lost)
    assert main(command(task, damaged, tmp_path / "out")) == 2
    assert f"its weights lack {lost}" in capsys.readouterr().err
