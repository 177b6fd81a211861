"""The folder of a run: which settings it may be resumed with."""

import json

import pytest

from spikebert.errors import InputError
from spikebert.run import Run
from spikebert.settings import Settings


def recorded(folder, **changes):
    """The folder of a run that has begun, whose record lacks what is None."""
    Run(Settings("task", str(folder)), "student").checkpoint("stage").touch()
    record = folder / "settings.json"
    content = {**json.loads(record.read_text()), **changes}
    record.write_text(json.dumps({k: v for k, v in content.items() if v is not None or k not in changes}))


def test_a_setting_that_an_older_version_did_not_have_is_its_default(tmp_path):
    recorded(tmp_path, skip_layers=None)
    Run(Settings("task", str(tmp_path)), "student")
    recorded(tmp_path, skip_layers=None)
    with pytest.raises(InputError, match="other settings"):
        Run(Settings("task", str(tmp_path), skip_layers=1), "student")


@pytest.mark.parametrize("change", [{"seed": 3}, {"task": None}, {"unknown": 1}])
def test_a_record_of_other_settings_is_refused(tmp_path, change):
    recorded(tmp_path, **change)
    with pytest.raises(InputError, match="other settings"):
        Run(Settings("task", str(tmp_path)), "student")


def test_a_run_that_was_refused_before_it_began_binds_nothing(tmp_path):
    Run(Settings("a-typing-error", str(tmp_path)), "student")
    Run(Settings("task", str(tmp_path)), "student").checkpoint("stage").touch()
    with pytest.raises(InputError, match="other settings"):
        Run(Settings("a-typing-error", str(tmp_path)), "student")


def test_a_run_of_another_command_is_refused_though_its_settings_are_alike(tmp_path):
    recorded(tmp_path)
    with pytest.raises(InputError, match=r"of another kind \(student\)"):
        Run(Settings("task", str(tmp_path)), "teacher")


def test_a_record_of_an_older_version_does_not_tell_its_command(tmp_path):
    recorded(tmp_path, kind=None)
    Run(Settings("task", str(tmp_path)), "teacher")
