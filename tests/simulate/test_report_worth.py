"""What parts are worth, in the report: of a real ablation of the run's model, or a line that says what is wrong."""

import json

import pytest

from simulate.cli import main as simulate
from simulate.report import data, markdown
from simulate.report.cli import main as report
from simulate.report.report import read_report
from spikebert.core.errors import InputError
from tests.simulate.example_run import example_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return example_run(tmp_path_factory.mktemp("ablated"))


@pytest.fixture(scope="module")
def ablation(run):
    path = run.parent / "ablation.json"
    texts = ["--data", str(run.parent / "dev.tsv")]
    assert simulate(["ablate", str(run.parent / "model.nir"), *texts, "-o", str(path)]) == 0
    return path


def test_a_panel_shows_each_part_with_its_share_and_its_accuracies(run, ablation):
    found, stated = read_report(run, ablation=ablation), json.loads(ablation.read_text("utf-8"))
    panel = next(panel for panel in found.panels if panel.key == "worth")
    assert [row[0] for row in panel.tables[0].rows] == [part["part"] for part in stated["parts"]]
    assert "## What each part is worth" in markdown.render(found)
    assert "worth" in json.dumps(json.loads(data.render(found)))
    assert f"--ablation {ablation}" in found.command()


def test_a_file_of_the_first_version_knows_the_accuracy_alone(run, ablation, tmp_path):
    stated = json.loads(ablation.read_text("utf-8"))
    assert stated.pop("metric") == "accuracy"
    old = tmp_path / "old.json"
    old.write_text(json.dumps(stated | {"version": 1, "accuracy": stated.pop("score")}), "utf-8")
    found, before = (next(p for p in read_report(run, ablation=f).panels if p.key == "worth") for f in (ablation, old))
    assert before == found


def test_a_report_without_one_has_no_such_panel(run):
    assert "worth" not in [panel.key for panel in read_report(run).panels]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_sha256": "0" * 64}, "another model"),
        ({"format": "spikebert-mapping"}, "spikebert-ablation"),
        ({"score": 2}, "score must be"),
        ({"metric": "bleu"}, "bleu: must be one of"),
        ({"interval": [0.5]}, "interval must be two numbers"),
        ({"interval": [0.9, 0.1]}, "interval must be two numbers from -1 to 1, the lower one first"),
        ({"version": 1, "accuracy": 2}, "accuracy must be a"),
        ({"parts": [{"part": "x"}]}, "parts[0].kind is missing"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_what_is_wrong(run, ablation, tmp_path, change, said):
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(json.loads(ablation.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(InputError) as error:
        read_report(run, ablation=path)
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_one_line(run, tmp_path, capsys):
    options = ["--ablation", str(tmp_path / "none.json"), "-o", str(tmp_path / "report.md")]
    assert report([str(run), *options]) == 2
    assert "spikebert-simulate ablate" in capsys.readouterr().err
