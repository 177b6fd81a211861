"""Studies: their points, their tables, and whole ones at toy size."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from spikebert.cli import main
from spikebert.training import studies
from spikebert.training.settings import LossWeights, Settings
from tests.spikebert.training.test_training import task, teacher

__all__ = ["task", "teacher"]  # fixtures


def test_an_ablation_leaves_out_one_part_at_a_time():
    settings = Settings(task="t", out="o", augment=2)
    points = studies.ablation(settings)
    assert [p.name for p in points] == [
        "whole",
        "without stage 1",
        "without stage 2",
        "without augmentation",
        "without feature loss",
        "without embedding loss",
        "without logits loss",
        "without cross entropy loss",
    ]
    assert replace(settings, **points[6].changes).weights == LossWeights(logits=0.0)


def test_what_the_settings_do_not_use_is_not_left_out():
    settings = Settings(task="t", out="o", stage1_epochs=0, weights=LossWeights(feature=0.0, embedding=0.0))
    names = [p.name for p in studies.ablation(settings)]
    assert names == ["whole", "without stage 2", "without logits loss", "without cross entropy loss"]


def test_without_stage_one_is_without_the_student_that_stands_for_it():
    warm = Settings(task="task", out="out", stage1_epochs=0, warm_start="general")
    point = next(p for p in studies.ablation(warm) if p.name == "without stage 1")
    assert replace(warm, **point.changes).warm_start is None


def test_the_table_gives_mean_spread_seed_count_and_the_difference_over_common_seeds():
    rows = [
        {"point": "whole", "mean": 0.8, "spread": 0.1, "runs": {0: 0.7, 1: 0.9}},
        {"point": "without stage 1", "mean": 0.6, "spread": None, "runs": {1: 0.6}},
        {"point": "without stage 2", "mean": None, "spread": None, "runs": {}},
    ]
    assert studies.table("ablation", rows).splitlines()[2:] == [
        "| whole | 80.00 | 10.00 | 2 |  |",
        "| without stage 1 | 60.00 |  | 1 | -30.00 |",
        "| without stage 2 |  |  | 0 |  |",
    ]


def command(kind, task, teacher, out, *more):
    arguments = f"study {kind} --task {task} --teacher {teacher} --preset tiny --out {out} --batch-size 16 --limit 32"
    return [*arguments.split(), "--epochs", "1", "--stage1-epochs", "0", "--teacher-epochs", "1", *more]


def test_a_sweep_goes_on_with_more_points_and_keeps_what_is_finished(task, teacher, tmp_path, capsys):
    assert main(command("steps", task, teacher, tmp_path, "--values", "2", "--seeds", "1")) == 0
    first = tmp_path / "seed-0" / "steps-2" / "model.pt"
    (tmp_path / "seed-0-kept").mkdir()  # somebody else's
    written = first.stat().st_mtime_ns
    assert main(command("steps", task, teacher, tmp_path, "--values", "2", "1", "--seeds", "2")) == 0
    assert first.stat().st_mtime_ns == written
    results = json.loads((tmp_path / "results.json").read_text())
    assert [(p["changes"], len(p["runs"])) for p in results["points"]] == [
        ({"time_steps": 2}, 2),
        ({"time_steps": 1}, 2),
    ]
    for point in results["points"]:
        assert point["mean"] == pytest.approx(sum(point["runs"].values()) / 2)
    assert (tmp_path / "table.md").read_text() in capsys.readouterr().out
    assert "time steps T" not in (tmp_path / "table.md").read_text()
    assert (tmp_path / "plot.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(("kind", "value", "field"), [("depth", "1", "num_hidden_layers"), ("decay", "0.5", "beta")])
def test_a_point_changes_the_model_that_is_trained(kind, value, field, task, teacher, tmp_path):
    assert main(command(kind, task, teacher, tmp_path, "--values", value, "--seeds", "1")) == 0
    config = json.loads((tmp_path / "seed-0" / f"{kind}-{value}" / "model" / "config.json").read_text())
    assert config[field] == float(value)


def test_all_points_of_a_seed_learn_from_one_teacher(task, teacher, tmp_path, capsys):
    assert main(command("ablation", task, teacher, tmp_path, "--seeds", "1", "--labels", "neg=bad,pos=good")) == 0
    points = sorted(p.name for p in (tmp_path / "seed-0").iterdir() if p.name != "teacher")
    assert len(points) == 6
    assert len({(tmp_path / "seed-0" / p / "teacher").resolve() for p in points}) == 1
    assert capsys.readouterr().out.count("teacher: accuracy") == 1


def test_a_study_that_was_moved_goes_on(task, teacher, tmp_path, capsys):
    assert main(command("decay", task, teacher, tmp_path / "here", "--seeds", "1", "--values", "0.5")) == 0
    (tmp_path / "here").rename(tmp_path / "there")
    assert main(command("decay", task, teacher, tmp_path / "there", "--seeds", "1", "--values", "0.5", "0.9")) == 0
    assert capsys.readouterr().out.count("teacher: accuracy") == 1


def test_a_study_that_was_refused_binds_nothing(task, teacher, tmp_path, capsys):
    assert main(command("decay", "no-such-task", teacher, tmp_path / "study")) == 2
    assert main(command("depth", task, teacher, tmp_path / "study", "--values", "1", "--skip-layers", "1")) == 2
    assert "--skip-layers 1: must be below the number of blocks, 1" in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_a_folder_with_another_study_is_refused(task, teacher, tmp_path, capsys):
    (tmp_path / "study.json").write_text('{"study": "steps", "task": "another", "seed": 0}')
    assert main(command("decay", task, teacher, tmp_path)) == 2
    assert "holds a study with other settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["steps", "--values", "1.5"], "whole numbers"),
        (["decay", "--values", "2"], "lies in [0, 1]"),
        (["ablation", "--values", "2"], "an ablation has none"),
        (["steps", "--values", "1", "2", "2.0"], "--values 2: stands there twice"),
        (["decay", "--values", "0.1234567", "0.12345671"], "--values 0.123457: stands there twice"),
        (["steps", "--seeds", "0"], "--seeds 0"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(arguments, message, tmp_path, capsys):
    assert main(["study", *arguments, "--task", "tweets", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from spikebert.study_cli import parser; parser().format_help();"
        "print([m for m in ('torch', 'transformers', 'matplotlib') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
