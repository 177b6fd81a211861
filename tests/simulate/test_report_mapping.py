"""The chips that a report shows: of a real mapping of the model, or a line that says what is wrong with the file."""

import base64
import json
import shutil

import pytest

from deploy.cli import main as deploy
from simulate.report import data, markdown, page
from simulate.report.report import read_report
from spikebert.core.errors import InputError
from tests.simulate.example_run import example_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return example_run(tmp_path_factory.mktemp("mapped"))


def mapped(run, folder, *options):
    counts = ["--counts", str(run / "counts.json")]
    assert deploy(["map", str(run.parent / "model.nir"), *counts, *options, "-o", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def mapping(run, tmp_path_factory):
    return mapped(run, tmp_path_factory.mktemp("map") / "map")


@pytest.mark.parametrize("strategy", ["unrolled", "token-serial"])
def test_the_first_screen_and_a_panel_show_the_chips(run, tmp_path, strategy):
    folder = mapped(run, tmp_path / "map", "--strategy", strategy)
    report = read_report(run, mapping=folder)
    stated = json.loads((folder / "mapping.json").read_text("utf-8"))
    headline = json.loads(data.render(report))["headline"]["chips"]
    assert (headline["chips"], headline["cores"]) == (stated["chips_used"], stated["cores_used"])
    assert headline["strategy"] == strategy
    assert f"--mapping {folder}" in report.command()
    page_of = markdown.render(report)
    assert "## On chips" in page_of
    assert "| synaptic operations | " in page_of
    assert all(stated["numbers"][name]["status"] in page_of for name in ("cores", "synapse_ns"))


def test_the_page_shows_the_floorplan_that_lies_beside_the_mapping(run, mapping, tmp_path):
    folder = shutil.copytree(mapping, tmp_path / "map")
    picture = base64.b64encode((folder / "floorplan.svg").read_bytes()).decode()
    assert f'src="data:image/svg+xml;base64,{picture}"' in page.render(read_report(run, mapping=folder))
    (folder / "floorplan.svg").write_text("<html>", "utf-8")
    assert "floorplan.svg beside it is no SVG picture" in refusal(run, folder)
    (folder / "floorplan.svg").unlink()
    assert all(panel.picture is None for panel in read_report(run, mapping=folder).panels)


def test_without_a_mapping_the_card_says_which_command_makes_one(run):
    card = next(card for card in read_report(run).cards if card.key == "chips")
    assert card.value == "not mapped"
    assert "spikebert-deploy map model.nir" in card.lines[0]


def refusal(run, path):
    with pytest.raises(InputError) as caught:
        read_report(run, mapping=path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_mapping_that_is_not_there_is_named(run, tmp_path):
    assert "spikebert-deploy map" in refusal(run, tmp_path / "none.json")


FAULTS = {
    "another format": ({"format": "x"}, "not a spikebert-mapping file"),
    "no curve": ({"curve": []}, "curve must be a list that is not empty"),
    "a curve of other things": ({"curve": [[1]]}, "curve must be a list of pairs"),
    "no layers": ({"layers": None}, "layers must be a list"),
    "a layer that is none": ({"layers": [3]}, r"layers[0] must be an object"),
    "no chips": ({"chips_used": 0}, "chips_used must be"),
    "another number of cores": ({"cores_used": 9999}, "cores_used is 9999"),
    "another model": ({"model_sha256": "0" * 64}, "maps another model than that of the run"),
    "another T": ({"time_steps": 9}, "another model"),
    "no estimate": ({"estimate": {}}, "estimate.steps is missing"),
    "an earlier version": ({"version": 1}, "of version 2"),
    "numbers that are none": ({"numbers": {"cores": 3}}, "numbers.cores must be an object"),
    "a number without a status": ({"numbers": {"cores": {"value": 3}}}, "numbers.cores.low is missing"),
    "a number that is a text": (
        {"numbers": {"cores": {"value": "3"}}},
        "numbers.cores.value must be true or false, or a number of at least 0, or null, not '3'",
    ),
    "a core without a place": ({"cores": [{"population": "x"}]}, "cores[0].rows is missing"),
    "no total": ({"estimate": {"picojoules": {}}}, "estimate.picojoules.total is missing"),
    "no activity": ({"activity": []}, "activity must be an object"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_mapping_that_is_wrong_is_refused_by_its_field(run, mapping, tmp_path, fault):
    change, words = FAULTS[fault]
    folder = shutil.copytree(mapping, tmp_path / "map")
    content = json.loads((folder / "mapping.json").read_text("utf-8"))
    for name, value in change.items():
        both = isinstance(value, dict) and value and name == "estimate"
        content[name] = content[name] | value if both else value
    (folder / "mapping.json").write_text(json.dumps(content), "utf-8")
    message = refusal(run, folder)
    assert words in message
    assert "mapping.json" in message


def test_a_mapping_of_another_model_is_refused(mapping, tmp_path):
    other = example_run(tmp_path, blocks=3)
    assert "another model" in refusal(other, mapping)
