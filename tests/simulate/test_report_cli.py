"""spikebert-report as a user meets it: files by their suffix, whole or not at all, and one line for each fault."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simulate.report.cli import main
from spikebert.core.files import write_atomically
from tests.simulate.example_run import example_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return example_run(tmp_path_factory.mktemp("cli"), blocks=1)


def fault(capsys, *arguments):
    """The one line on stderr of a command that must end with exit code 2."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_one_call_writes_every_form(run, tmp_path):
    outputs = [tmp_path / name for name in ("report.html", "report.md", "report.json")]
    assert main([str(run), *(part for path in outputs for part in ("-o", str(path)))]) == 0
    page, prose, numbers = (path.read_text("utf-8") for path in outputs)
    assert page.startswith("<!doctype html>")
    assert prose.startswith("# SpikeBERT")
    assert json.loads(numbers)["format"] == "spikebert-report"
    assert sorted(tmp_path.iterdir()) == sorted(outputs)


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_a_figure_is_written_alone(run, tmp_path, kind, start):
    assert main([str(run), "--figure", "firing", "-o", str(tmp_path / f"firing.{kind}")]) == 0
    assert (tmp_path / f"firing.{kind}").read_bytes().startswith(start)


def test_an_unknown_figure_lists_those_that_exist(run, tmp_path, capsys):
    assert "accuracy, energy, terms, firing" in fault(capsys, run, "--figure", "x", "-o", tmp_path / "x.svg")


def test_an_unknown_suffix_lists_those_that_exist(run, tmp_path, capsys):
    assert ".html, .md, .json" in fault(capsys, run, "-o", tmp_path / "report.docx")
    assert "--figure" in fault(capsys, run, "-o", tmp_path / "report.svg")


def test_an_output_in_no_folder_is_named_and_nothing_is_written(run, tmp_path, capsys):
    line = fault(capsys, run, "-o", tmp_path / "report.md", "-o", tmp_path / "none" / "report.html")
    assert "none/report.html: its folder does not exist" in line
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_nothing_can_be_made_is_told_by_the_name_of_the_output(run, capsys):
    for arguments in ([run], ["compare", run, run]):
        line = fault(capsys, *arguments, "-o", "/proc/report.md")
        assert "-o /proc/report.md: nothing can be written into /proc" in line


def test_a_folder_as_output_is_refused(run, tmp_path, capsys):
    (tmp_path / "report.html").mkdir()
    assert "is a folder" in fault(capsys, run, "-o", tmp_path / "report.html")


def test_the_counts_are_never_overwritten(run, capsys):
    before = (run / "counts.json").read_bytes()
    assert "choose another name" in fault(capsys, run, "-o", run / "counts.json")
    assert (run / "counts.json").read_bytes() == before


def test_what_a_report_or_a_comparison_reads_is_never_overwritten(run, tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    for command in (
        [run, "--teacher", tmp_path, "-o", tmp_path / "config.json"],
        [run, "--mapping", tmp_path / "config.json", "-o", tmp_path / "config.json"],
        [run, "--ablation", tmp_path / "config.json", "-o", tmp_path / "config.json"],
        ["compare", run, run, "-o", run / "counts.json"],
    ):
        assert "is read or written by this command, too; choose another name" in fault(capsys, *command)


def test_a_run_whose_name_is_not_utf_8_is_reported_and_compared(run, tmp_path):
    folder = tmp_path / "r\udcff"
    shutil.copytree(run, folder)
    report, table = tmp_path / "report.md", tmp_path / "table.json"
    assert main([str(folder), "-o", str(report)]) == 0
    assert main(["compare", str(run), str(folder), "-o", str(table)]) == 0
    assert "r\\udcff" in report.read_text("utf-8").replace("\\\\", "\\") and r"r\\udcff" in table.read_text("utf-8")


def test_a_broken_run_leaves_an_earlier_report_as_it_was(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "counts.json").write_text("{", "utf-8")
    (tmp_path / "report.html").write_text("earlier", "utf-8")
    assert "counts.json" in fault(capsys, tmp_path / "run", "-o", tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8") == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "run"]


def test_a_failed_write_leaves_no_part_behind(tmp_path):
    def fail(temporary):
        temporary.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_atomically(tmp_path / "report.md", fail)
    assert list(tmp_path.iterdir()) == []


def test_runs_stand_side_by_side(run, tmp_path, capsys):
    other = example_run(tmp_path, norm="batch", steps=2)
    edit = json.loads((other / "counts.json").read_text("utf-8"))
    edit["model"] |= {"weight_bits": 4, "metadata": {**edit["model"]["metadata"], "threshold_scale": 1.2}}
    (other / "counts.json").write_text(json.dumps(edit), "utf-8")
    capsys.readouterr()
    assert main(["compare", str(run), str(other)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert "| norm | layer | batch |" in lines
    assert "| T | 4 | 2 |" in lines
    assert "| weight bits | 8 | 4 |" in lines
    assert "| thresholds | × 1 | × 1.2 |" in lines
    assert main(["compare", str(run), str(other), "-o", str(tmp_path / "both.json")]) == 0
    rows = json.loads((tmp_path / "both.json").read_text("utf-8"))["runs"]
    assert [row["time_steps"] for row in rows] == [4, 2]
    assert all(share > 0 for share in rows[0]["matched_to_bert"])


def scored(run: Path, folder: Path, labels: list[str], **measured) -> Path:
    """A copy of a run whose file says other labels, and what its metric gave."""
    shutil.copytree(run, folder)
    record = json.loads((folder / "counts.json").read_text("utf-8"))
    record["model"]["labels"] = labels
    (folder / "counts.json").write_text(json.dumps(record | measured), "utf-8")
    return folder


def test_a_comparison_tells_the_metric_of_each_run_with_its_interval(run, tmp_path, capsys):
    numbers = {"accuracy": None, "correct": None, "majority": None}
    mrpc = scored(run, tmp_path / "mrpc", ["0", "1"], metric="f1:1", score=0.75, interval=[0.5, 0.875])
    sts = scored(run, tmp_path / "sts", [], metric="spearman", score=0.25, interval=[0.125, 0.5], **numbers)
    plain = scored(run, tmp_path / "plain", ["0", "1"], metric=None, score=None, interval=None, accuracy=1.0, correct=3)
    none = scored(run, tmp_path / "none", ["0", "1"], metric=None, score=None, interval=None, **numbers)
    runs = [str(folder) for folder in (mrpc, sts, plain, none)]
    capsys.readouterr()
    assert main(["compare", *runs]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("| metric of the run "))
    assert [cell.strip() for cell in line.split("|")[2:-1]] == [
        "F1 of '1' 0.7500 (95 %: 0.5000 to 0.8750)",
        "Spearman correlation 0.2500 (95 %: 0.1250 to 0.5000)",
        "accuracy 1.0000 (95 %: 0.4385 to 1.0000)",
        "–",
    ]
    assert main(["compare", *runs, "-o", str(tmp_path / "runs.json")]) == 0
    rows = json.loads((tmp_path / "runs.json").read_text("utf-8"))["runs"]
    assert rows[1]["metric"] == {"metric": "spearman", "score": 0.25, "interval": [0.125, 0.5]}
    assert rows[3]["metric"] is None


def test_one_run_is_nothing_to_compare(run, capsys):
    assert "two runs or more" in fault(capsys, "compare", run)


def test_a_teacher_that_is_none_is_named(run, tmp_path, capsys):
    none, broken, report = tmp_path / "none", tmp_path / "config.json", tmp_path / "report.md"
    line = fault(capsys, run, "--teacher", none, "-o", report)
    assert f"--teacher {none}: no such file; give the folder or the config.json of a BERT" in line
    broken.write_text("{}", "utf-8")
    assert "not the config.json of a BERT" in fault(capsys, run, "--teacher", broken, "-o", report)


@pytest.mark.parametrize("size", ["num_hidden_layers", "hidden_size", "intermediate_size"])
def test_a_teacher_beyond_all_measure_is_refused(run, tmp_path, capsys, size):
    sizes = {"num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 16, size: 10**9}
    (tmp_path / "config.json").write_text(json.dumps(sizes), "utf-8")
    line = fault(capsys, run, "--teacher", tmp_path / "config.json", "-o", tmp_path / "r.md")
    assert "must be whole numbers from 1" in line


@pytest.mark.parametrize(
    ("place", "settings"),
    [
        ("current folder", b"\xff\xfe nonsense"),
        ("MATPLOTLIBRC", b"backend: nonsense\ntext.usetex: true\nlines.color: 7\n"),
    ],
)
def test_neither_settings_of_matplotlib_nor_its_environment_change_a_figure(run, tmp_path, place, settings):
    (tmp_path / "matplotlibrc").write_bytes(settings)
    environment = {**os.environ, "MPLBACKEND": "nonsense"}
    if place != "current folder":
        environment[place] = str(tmp_path)
    figure = ["--figure", "firing", "-o"]
    command = [sys.executable, "-m", "simulate.report.cli", str(run.resolve()), *figure, str(tmp_path / "a.svg")]
    environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    where = tmp_path if place == "current folder" else tmp_path.parent
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert main([str(run), *figure, str(tmp_path / "b.svg")]) == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
