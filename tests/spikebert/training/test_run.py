"""The folder of a run: which settings it may be resumed with."""

import json
from dataclasses import asdict, replace

import pytest

from spikebert.baselines.settings import BaselineSettings
from spikebert.core.errors import InputError
from spikebert.data.rows import Row
from spikebert.data.tasks import Task, load_task
from spikebert.training.run import Run
from spikebert.training.settings import Settings, TeacherSettings


def recorded(folder, **changes):
    """The folder of a run that has begun, whose record lacks what is None."""
    Run(Settings(task="task", out=str(folder)), "student").checkpoint("stage").touch()
    record = folder / "settings.json"
    content = {**json.loads(record.read_text()), **changes}
    record.write_text(json.dumps({k: v for k, v in content.items() if v is not None or k not in changes}))


def test_a_setting_that_an_older_version_did_not_have_is_its_default(tmp_path):
    recorded(tmp_path, skip_layers=None)
    Run(Settings(task="task", out=str(tmp_path)), "student")
    recorded(tmp_path, skip_layers=None)
    with pytest.raises(InputError, match="other settings"):
        Run(Settings(task="task", out=str(tmp_path), skip_layers=1), "student")


@pytest.mark.parametrize("change", [{"seed": 3}, {"task": None}, {"unknown": 1}])
def test_a_record_of_other_settings_is_refused(tmp_path, change):
    recorded(tmp_path, **change)
    with pytest.raises(InputError, match="other settings"):
        Run(Settings(task="task", out=str(tmp_path)), "student")


def test_a_run_that_was_refused_before_it_began_binds_nothing(tmp_path):
    Run(Settings(task="a-typing-error", out=str(tmp_path)), "student")
    Run(Settings(task="task", out=str(tmp_path)), "student").checkpoint("stage").touch()
    with pytest.raises(InputError, match="other settings"):
        Run(Settings(task="a-typing-error", out=str(tmp_path)), "student")


def test_a_run_of_another_command_is_refused_though_its_settings_are_alike(tmp_path):
    recorded(tmp_path)
    with pytest.raises(InputError, match=r"of another kind \(student\)"):
        Run(Settings(task="task", out=str(tmp_path)), "teacher")


def test_a_record_of_an_older_version_does_not_tell_its_command(tmp_path):
    recorded(tmp_path, kind=None)
    Run(Settings(task="task", out=str(tmp_path)), "teacher")


@pytest.mark.parametrize("kind", [TeacherSettings, BaselineSettings])
def test_what_an_older_version_recorded_beside_the_settings_of_a_kind_of_run_binds_nothing(kind, tmp_path):
    older = {**asdict(Settings(task="task", out="")), **asdict(kind(task="task", out="")), "kind": "some"}
    older.pop("out")
    recorded(tmp_path / "same", **older)
    Run(kind(task="task", out=str(tmp_path / "same")), "some")
    recorded(tmp_path / "other", **{**older, "augment": 2})
    with pytest.raises(InputError, match=r"other settings \(augment\)"):
        Run(kind(task="task", out=str(tmp_path / "other")), "some")


def rows(*texts):
    return [Row("ab"[i % 2], text) for i, text in enumerate(texts)]


def test_a_run_goes_on_with_the_data_that_it_began_with_alone(tmp_path):
    settings, task = (
        Settings(task="task.tsv", out=str(tmp_path)),
        Task("task", rows("x", "y"), rows("z", "w"), ["a", "b"]),
    )
    run = Run(settings, "student")
    run.keep_task(task, "task.tsv")
    run.checkpoint("stage").touch()
    del run
    Run(settings, "student").keep_task(task, "task.tsv")
    for other in (replace(task, train=rows("x", "Y")), replace(task, dev=rows("z", "W"))):
        with pytest.raises(InputError, match=r"task task.tsv: holds something else than when the run in .* began"):
            Run(settings, "student").keep_task(other, "task.tsv")
    Run(settings, "student").keep_task(task, "task.tsv")


def test_a_run_that_was_refused_does_not_bind_the_next_to_its_data(tmp_path):
    task = Task("task", rows("x", "y"), rows("z", "w"), ["a", "b"], cut=True)
    settings = Settings(task="task.tsv", out=str(tmp_path))
    Run(settings, "student").keep_task(task, "task.tsv")
    Run(settings, "student").keep_task(replace(task, train=rows("x", "Y")), "task.tsv")


def test_the_part_that_was_held_out_is_written_into_the_runs_folder(tmp_path):
    task = Task("task", rows("x", "y"), rows("z", "w"), ["a", "b"])
    Run(Settings(task="t", out=str(tmp_path / "own")), "student").keep_task(task, "t")
    assert not (tmp_path / "own" / "data").exists()
    Run(Settings(task="t", out=str(tmp_path / "cut")), "student").keep_task(replace(task, cut=True), "t")
    again = load_task(str(tmp_path / "cut" / "data"))
    assert (again.train, again.dev) == (task.train, task.dev)
