"""Chip files are checked at the door: what is wrong is named by file and field."""

import ast
from dataclasses import replace

import pytest
import yaml

from deploy.bundle_cli import bundle_parser
from deploy.chips.chip import (
    CHIPS,
    COSTS,
    FIELDS,
    MAY_BE_ABSENT,
    NOT_STATED,
    chip_names,
    find_system,
    read_chip,
    systems_of,
)
from deploy.chips.costs import cost_facts
from deploy.chips.placement import mesh
from deploy.cli import main
from deploy.map_cli import chip_parser, map_parser
from simulate.energy.costs import costs
from spikebert.core.errors import InputError


def test_every_number_of_a_shipped_chip_has_a_source_and_says_what_it_is_worth():
    for name in chip_names():
        chip = read_chip(name)
        assert chip.name == name
        stated = yaml.safe_load((CHIPS / f"{name}.yaml").read_text("utf-8"))
        for field in FIELDS:
            assert field in stated, (
                f"deploy/chips/{name}.yaml: add {field}: value, status and source; null if not public"
            )
            assert "status" in stated[field] and chip.facts[field].source.strip(), (name, field)


def test_a_number_without_a_source_of_its_own_is_assumed_and_says_whose_it_is():
    fact = cost_facts(read_chip("loihi2"))["synapse_pj"]
    assert (fact.value, fact.low, fact.high, fact.status) == (23.6, 23.6, 35.5, "assumed")
    assert fact.source.startswith("that of Intel Loihi (14 nm, 2018): Davies et al.")


def test_the_mesh_of_loihi_2_has_eight_by_four_routers_of_four_cores():
    found = mesh(read_chip("loihi2"), 1)
    assert (found.columns, found.rows, found.cores_per_tile) == (8, 4, 4)


def test_a_number_that_was_changed_after_its_file_was_read_is_an_assumption():
    changed = replace(read_chip("loihi2"), synapse_ns=2.0)
    assert (changed.fact("synapse_ns").high, changed.fact("synapse_ns").status) == (2.0, "assumed")
    assert read_chip("loihi2").fact("synapse_ns").status == "scaled"


def test_a_field_that_stands_twice_is_named_by_its_line(tmp_path):
    text = (CHIPS / "loihi2.yaml").read_text("utf-8")
    (tmp_path / "a.yaml").write_text(f"{text}cores: {{value: 1, source: x}}\n", "utf-8")
    with pytest.raises(InputError, match=rf"a.yaml, line {text.count(chr(10)) + 1}: 'cores' stands there twice"):
        read_chip(str(tmp_path / "a.yaml"))
    (tmp_path / "b.yaml").write_text("a: &a {x: 1}\nb: &b [*a, *a]\nc: [*b, {y: 1, z: 2, y: 3}]\n", "utf-8")
    with pytest.raises(InputError, match=r"b\.yaml, line 3: 'y' stands there twice"):
        read_chip(str(tmp_path / "b.yaml"))
    for text in ("", "&a [*a]", "- 1\n---\n- 2\n"):
        (tmp_path / "c.yaml").write_text(text, "utf-8")
        with pytest.raises(InputError, match=r"c\.yaml: "):
            read_chip(str(tmp_path / "c.yaml"))


def test_a_file_that_states_no_status_is_read_and_its_numbers_are_assumed(tmp_path):
    assert read_chip(own_chip(tmp_path, cores={"value": 3, "source": "x"})).fact("cores").status == "assumed"


def test_loihi1_costs_here_what_the_energy_accounts_say_and_is_worth_as_much():
    chip, prices = read_chip("loihi1"), costs()
    names = {"hop_x_pj": "EAST_WEST", "hop_y_pj": "NORTH_SOUTH", "synapse_pj": "SYNOP"}
    for field, name in (names | {"neuron_pj": "ACTIVE", "spike_pj": "SPIKE"}).items():
        fact, cost = chip.fact(field), prices[f"E_LOIHI_{name}"]
        assert (fact.value, fact.low, fact.high) == (cost.picojoules, cost.low, cost.high)
        assert fact.status == cost.status


@pytest.mark.parametrize(("name", "board"), [("loihi1", 8), ("loihi2", 8), ("spinnaker2", 48)])
def test_each_chip_has_a_single_chip_a_board_and_a_rack(name, board):
    sizes = [system.chips for system in systems_of(read_chip(name))]
    assert sizes[:2] == [1, board]
    assert sizes[2] > 500


def test_a_system_may_be_a_number_of_chips():
    assert find_system(read_chip("loihi2"), "20").chips == 20
    with pytest.raises(InputError, match=r"system nahuku-8: not one of loihi2-chip, kapoho-point, hala-point"):
        find_system(read_chip("loihi2"), "nahuku-8")


def test_a_changed_chip_that_keeps_its_name_is_in_none_of_the_systems_of_that_name(tmp_path):
    data = yaml.safe_load((CHIPS / "loihi2.yaml").read_text("utf-8"))
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data), "utf-8")
    assert systems_of(read_chip(str(path))) == systems_of(read_chip("loihi2"))
    older = {name: entry for name, entry in data.items() if name not in MAY_BE_ABSENT}
    older["hop_x_pj"] = {**older["hop_x_pj"], "source": "a text of before"}
    path.write_text(yaml.safe_dump(older), "utf-8")
    assert len(systems_of(read_chip(str(path)))) == len(systems_of(read_chip("loihi2")))  # no number of it is another
    data["cores"]["value"] //= 2
    path.write_text(yaml.safe_dump(data), "utf-8")
    assert [(s.name, s.chips) for s in systems_of(read_chip(str(path)))] == [("loihi2-chip", 1)]


def own_chip(tmp_path, **changes):
    data = yaml.safe_load((CHIPS / "template.yaml").read_text("utf-8")) | changes
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not None}), "utf-8")
    return str(path)


def test_the_template_is_a_chip(tmp_path):
    assert read_chip(own_chip(tmp_path)).cores == 64


def test_a_file_from_before_operations_had_prices_is_still_a_chip(tmp_path):
    added = dict.fromkeys(MAY_BE_ABSENT)
    chip = read_chip(own_chip(tmp_path, **added))
    assert {name: getattr(chip, name) for name in added} == added


def test_what_an_older_file_lacks_is_said_to_be_missing_there_and_not_changed_by_hand(tmp_path):
    old = read_chip(own_chip(tmp_path, **dict.fromkeys(MAY_BE_ABSENT)))
    assert {old.fact(name).source for name in MAY_BE_ABSENT} == {NOT_STATED}
    assert cost_facts(old)["memory_ns"].source == NOT_STATED  # of which nothing is known of Loihi 1, either
    assert cost_facts(old)["synapse_pj"].source.startswith("that of Intel Loihi")
    assert replace(old, memory_ns=1.0).fact("memory_ns").source == "changed by hand"


def test_every_time_and_every_energy_of_a_chip_is_a_cost():
    real = {name for name, hint in FIELDS.items() if hint == float | None}
    assert real == set(COSTS), "a field of Chip that is a time or an energy must stand in COSTS, and nothing else"


def test_the_form_for_a_chip_has_every_field():
    form = yaml.safe_load((CHIPS / "template.yaml").read_text("utf-8"))
    missing = [name for name in FIELDS if name not in form]
    assert not missing, f"deploy/chips/template.yaml: add {missing}, with the value null and what it means as source"
    assert f"last {len(COSTS)} " in (CHIPS / "template.yaml").read_text("utf-8").split("kind:")[0], (
        f"deploy/chips/template.yaml: its first comment must say that the last {len(COSTS)} fields are costs"
    )


def test_the_costs_are_the_last_fields_of_the_form_for_a_chip():
    form = list(yaml.safe_load((CHIPS / "template.yaml").read_text("utf-8")))
    assert set(form[-len(COSTS) :]) == set(COSTS), (
        "deploy/chips/template.yaml: the costs must stand behind all other fields, as its first comment says"
    )


def read_by(code: ast.Module) -> set[str]:
    """The names that stand behind `chip.` in a module, or as a text by themselves."""
    found = set()
    for node in ast.walk(code):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1] == "chip":
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def test_every_number_of_a_chip_has_an_effect():
    modules = [path for path in CHIPS.rglob("*.py") if path.name != "chip.py"]
    used = set.union(*(read_by(ast.parse(path.read_text("utf-8"))) for path in modules))
    unused = [name for name in FIELDS if name not in used]
    assert not unused, f"deploy/chips: nothing reads {unused} of a chip, so that its value changes no mapping"


def test_a_command_writes_the_form_for_a_chip_and_never_over_a_file(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    assert main(["chip", "-o", str(path)]) == 0
    assert read_chip(str(path)) == read_chip(str(CHIPS / "template.yaml"))
    path.write_text("mine", "utf-8")
    assert main(["chip", "-o", str(path)]) == 2
    assert path.read_text("utf-8") == "mine"
    assert main(["chip", "--like", "loihi1", "-o", str(tmp_path / "like.yaml")]) == 0
    assert read_chip(str(tmp_path / "like.yaml")) == read_chip("loihi1")
    assert main(["chip", "--like", "../systems", "-o", str(tmp_path / "x.yaml")]) == 2
    assert main(["chip", "-o", str(tmp_path / "x.txt")]) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["like.yaml", "mine.yaml"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cores": {"value": 0, "source": ""}}, "cores: must be a whole number of at least 1, not 0"),
        ({"cores": {"value": None, "source": ""}}, "cores: must be a whole number of at least 1, not None"),
        ({"cores": {"value": True, "source": ""}}, "cores: must be a whole number"),
        ({"cores": {"value": 10**6, "source": ""}}, "cores: must be at most 4096, not 1000000"),
        ({"cores": 64}, "cores: must be {value: …, source: a text}, and may have low, high and status"),
        ({"cores": None}, "cores: is missing"),
        ({"graded_bits": {"value": 1.5, "source": ""}}, "graded_bits: must be a whole number of at least 0"),
        ({"hop_x_pj": {"value": float("inf"), "source": ""}}, "hop_x_pj: must be a number of at least 0 or null"),
        ({"programmable_neurons": {"value": 1, "source": ""}}, "programmable_neurons: must be true or false, not 1"),
        ({"cores": {"value": 4, "status": "true", "source": ""}}, "cores: status must be one of published, measured,"),
        ({"cores": {"value": 4, "status": [], "source": ""}}, "cores: status must be one of published, measured,"),
        ({"cores": {"value": 4, "low": 5, "source": ""}}, "cores: low, value and high must not fall: 5, 4, 4"),
        ({"cores": {"value": 4, "high": "5", "source": ""}}, "cores: must be a whole number of at least 1, not '5'"),
        ({"hop_x_pj": {"value": None, "low": 1, "source": ""}}, "hop_x_pj: has a range, and no number within it"),
        ({"core": {"value": 1, "source": ""}}, "core: no such field"),
        ({"name": 3}, "name: must be a text"),
        ({"kind": "board"}, "kind: must be chip"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, changes, message):
    path = own_chip(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        read_chip(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_what_is_no_yaml_is_refused(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("cores: {value", "utf-8")
    with pytest.raises(InputError, match="not a YAML file"):
        read_chip(str(path))


def test_an_unknown_chip_is_refused_with_the_names_that_are_known():
    with pytest.raises(InputError, match="chip loihi3: not one of loihi1, loihi2"):
        read_chip("loihi3")


@pytest.mark.parametrize("parser", [map_parser, chip_parser, bundle_parser])
def test_every_help_names_every_chip(parser):
    said = parser().format_help()
    assert all(name in said for name in chip_names())
