"""Settings: parts that check themselves, the same in commands, in Python and in the record of a run."""

from dataclasses import MISSING, asdict, fields
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from export.lower import qat_cli
from export.lower.qat_settings import QatSettings
from spikebert.baselines import cli as baselines_cli
from spikebert.baselines.settings import BaselineSettings
from spikebert.cli import student_parser, teacher_parser
from spikebert.core.errors import InputError
from spikebert.training.settings import LossWeights, Settings, TeacherSettings, settings_of

COMMANDS = [
    (student_parser, Settings),
    (teacher_parser, TeacherSettings),
    (baselines_cli.parser, BaselineSettings),
    (qat_cli.parser, QatSettings),
]
APART = {"help", "push_to_hub", "levels"}  # the last is of the residual where it is not given


@pytest.mark.parametrize(("parser", "kind"), COMMANDS)
def test_the_options_of_a_command_are_the_settings_of_its_run_with_their_defaults_and_choices(parser, kind):
    options = {action.dest: action for action in parser()._actions if action.dest not in APART}
    wanted = {f.name: f.default for f in fields(kind) if f.name not in APART}
    if wanted.pop("weights", None):
        wanted |= {f"{name}_weight": weight for name, weight in asdict(LossWeights()).items()}
    assert set(options) == set(wanted)
    hints = get_type_hints(kind)
    for name, default in wanted.items():
        assert default is MISSING or name == "model" or options[name].default == default
        if get_origin(hints.get(name)) is Literal:
            assert tuple(options[name].choices) == get_args(hints[name])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("preset", "huge", "must be one of tiny, mini, small, base"),
        ("precision", "float16", "must be one of float32, bf16"),
        ("problem", "x", "must be one of auto, classes, numbers"),
        ("epochs", "3", "must be a whole number"),
        ("epochs", 1.5, "must be a whole number"),
        ("batch_size", 0, "must be at least 1"),
        ("limit", -1, "must be at least 1"),
        ("augment", -1, "must not be negative"),
        ("max_tokens", 1, "must be at least 3"),
        ("width", 7, "must be a multiple of the 6 heads"),
        ("augment", 10**12, "must be at most 1000"),
        ("width", 10**9, "must be at most 16384"),
        ("blocks", 10**9, "must be at most 1024"),
        ("time_steps", 10**12, "must be at most 4096"),
        ("levels", 5, "must be at most 4"),
        ("levels", 0, "a residual of spikes has 1 to 4"),
        ("out", "runs\udcff", "the path is not UTF-8; choose another folder"),
        ("learning_rate", 0.0, "must be above 0 and finite"),
        ("cache_limit", float("inf"), "must not be negative, and finite"),
        ("feature_weight", -1.0, "must not be negative"),
        ("operations_weight", "1", "must be a number"),
        ("more_teachers", "minilm", "must be a list of texts"),
        ("dev", 7, "must be a text"),
        ("weights", {}, "must be a LossWeights"),
    ],
)
def test_a_value_that_cannot_be_is_told_by_the_name_of_its_setting(name, value, message):
    with pytest.raises(InputError, match=f"^{name} .*{message}"):
        settings_of(**{"task": "task", "out": "out", name: value}).check()


def test_a_width_that_neighbours_cannot_halve_is_told():
    with pytest.raises(InputError, match=r"^width 27: must be even with neighbours"):
        settings_of(task="task", out="out", width=27, heads=3, neighbours=True).check()


def test_paths_are_texts(tmp_path):
    assert settings_of(task="task", out="out", dev=tmp_path / "dev.tsv").dev == str(tmp_path / "dev.tsv")
