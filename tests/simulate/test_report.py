"""What a report says: the same numbers in all three forms, from counts.json alone, on a page that stands alone."""

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace

import pytest

from simulate.energy import bert, paper
from simulate.energy.span import NOTHING, Span
from simulate.report import comparison, data, forms, markdown, page
from simulate.report.panels import accuracy, firing
from simulate.report.report import read_report
from spikebert.data.metrics import wilson
from tests.simulate.example_run import example_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return example_run(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def report(folder):
    return read_report(folder)


@pytest.fixture(scope="module")
def html(report):
    return page.render(report)


def test_the_headline_is_accuracy_energy_and_firing_rate(report):
    headline = json.loads(data.render(report))["headline"]
    run = report.content.run
    assert headline["accuracy"]["accuracy"] == pytest.approx(run.correct / 3)
    assert headline["accuracy"]["majority"] == pytest.approx(2 / 3)
    assert headline["energy"]["paper"] == pytest.approx(paper.account(run).picojoules / 3)
    assert headline["energy"]["paper_to_bert"] == pytest.approx(
        paper.account(run).picojoules / bert.account(run).picojoules
    )
    spikes, neurons = sum(layer.spikes for layer in run.layers), sum(layer.neurons for layer in run.layers)
    assert headline["firing"]["rate"] == pytest.approx(spikes / neurons / 4)


def test_the_first_screen_says_that_nothing_was_measured_and_who_the_opponent_is(report, html):
    card = next(card for card in report.cards if card.key == "energy")
    fair = next(each for each in report.content.comparisons if each.spiking.name == "matched")
    assert card.value == f"{100 * fair.ratio:.0f} %"
    said = " ".join(card.lines)
    assert "never measured" in card.lines[0]
    assert "nobody has trained" in said and "2 blocks × 12" in said
    assert "never measured" in html


def test_a_chip_of_another_technology_is_in_no_verdict_on_bert(report):
    verdict, rules, *_ = next(panel for panel in report.panels if panel.key == "energy").paragraphs
    assert "matched (" in verdict and "loihi1" not in verdict
    assert "loihi1 decides nothing" in rules


def test_a_layer_that_mostly_fires_is_a_warning_with_a_hint(report):
    run = report.content.run
    layers = [
        replace(layer, spikes=layer.updates, rate=1.0) if i == 1 else replace(layer, spikes=0, rate=0.0)
        for i, layer in enumerate(run.layers)
    ]
    busy = firing.card(replace(report.content, run=replace(run, layers=layers)))
    assert busy.warnings[0].startswith(
        f"1 of {len(layers)} layers fire in more than half of all steps ({layers[1].name}"
    )
    assert "--spikes-weight" in busy.warnings[0]
    shown = replace(report, cards=(busy,), panels=())
    assert '<li class="warning">' in page.render(shown)
    assert "more than half" in markdown.render(shown)
    quiet = [replace(layer, spikes=0, rate=0.0) for layer in run.layers]
    assert not firing.card(replace(report.content, run=replace(run, layers=quiet))).warnings


def test_the_accuracy_stands_beside_that_of_the_teacher_where_the_model_notes_it(report):
    run = report.content.run
    noted = replace(run.model, metadata={"training": {"teacher_accuracy": 0.893}})
    lines = accuracy.card(replace(report.content, run=replace(run, model=noted))).lines
    assert lines[-1] == "its teacher: 89.3 % on the dev texts of the training"
    assert len(accuracy.card(report.content).lines) == len(lines) - 1
    noted = replace(run.model, metadata={"training": {"teacher_accuracy": 0.893, "more_teachers": ["ngrams"]}})
    lines = accuracy.card(replace(report.content, run=replace(run, model=noted))).lines
    assert lines[-1] == "the mean of its 2 teachers: 89.3 % on the dev texts of the training"


def ends(cell):
    return [cell.low, cell.high] if isinstance(cell, Span) else [cell, cell]


def summed(cells):
    return [sum(each) for each in zip(*map(ends, cells), strict=True)]


def test_the_metric_of_the_task_stands_above_the_accuracy(report):
    run = report.content.run
    two = replace(run.model, labels=["0", "1"])
    measured = replace(run, model=two, metric="matthews", score=0.25, interval=[-0.125, 0.5])
    content = replace(report.content, run=measured)
    assert accuracy.card(content).lines[0] == "Matthews correlation 0.2500 (95 %: -0.1250 to 0.5000)"
    found = accuracy.panel(content)
    assert found is not None and found.tables[0].rows == (("Matthews correlation", 0.25, -0.125, 0.5),)


def test_totals_are_the_sums_of_their_columns(report):
    for panel in report.panels:
        for table in panel.tables:
            if not table.total or table.key == "operations":
                continue
            *rows, total = table.rows
            for column in range(1, len(total)):
                assert summed(row[column] for row in rows) == pytest.approx(ends(total[column]))


def test_the_mlp_that_a_model_has_not_counts_in_the_bert_beside_it(tmp_path):
    report = read_report(example_run(tmp_path, norm="batch", attention_only=True))
    by_key = {panel.key: panel for panel in report.panels}
    *_, mlp, total = by_key["operations"].tables[0].rows
    run = report.content.run
    assert run.model.intermediate_size == 0
    assert total[-1] * run.samples == pytest.approx(bert.macs(bert.BertShape.of(run), run.lengths))
    assert mlp[0] == "MLP, in BERT alone" and mlp[2] == 0 and mlp[3] * 3 == pytest.approx(2 * run.tokens * 8 * 12**2)
    assert any("MLP" in formula for formula in by_key["operations"].formulas)
    shape = next(value for key, value in by_key["run"].tables[0].rows if key == "shape")
    assert "no MLP (BERT has one of I = 4 D)" in shape
    assert comparison.table([tmp_path / "run"]).rows[0][1] == "2 × 12, no MLP"


@pytest.mark.parametrize("alone", [(), (0,), (1,)])
def test_the_operations_of_the_bert_are_the_same_in_all_panels_whichever_blocks_have_an_mlp(tmp_path, alone):
    report = read_report(example_run(tmp_path, norm="batch", hidden=48, attention_only=alone))
    run, rows = report.content.run, next(p for p in report.panels if p.key == "operations").tables[0].rows
    assert rows[-1][-1] * run.samples == pytest.approx(bert.macs(bert.BertShape.of(run), run.lengths))
    assert [row[0] for row in rows].count("MLP, in BERT alone") == len(alone)


@pytest.mark.parametrize(
    "residual, carried", [("spikes", "small integers, not spikes"), ("membrane", "currents, which")]
)
def test_the_page_says_what_the_stream_carries(tmp_path, residual, carried):
    found = read_report(example_run(tmp_path, norm="batch", residual=residual))
    scope = next(panel for panel in found.panels if panel.key == "scope")
    assert [carried in paragraph for paragraph in scope.paragraphs].count(True) == 1


def test_every_cell_stands_in_the_page_and_in_the_markdown(report, html):
    text = re.sub(r"<wbr>", "", html)
    prose = markdown.render(report).replace("\\", "")
    for panel in report.panels:
        for table in panel.tables:
            for cell in (cell for row in table.texts() for cell in row if "\\" not in cell):
                assert page.escape(cell) in text
                assert " ".join(cell.split()) in prose


def test_the_page_needs_no_network_and_runs_its_own_script_alone(html):
    script = html.split("<script>")[1].split("</script>")[0]
    assert html.count("<script") == 1
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html
    assert not re.search(r"""(src|href|srcset)=["'](?!data:|#)""", html)
    assert "url(" not in html
    assert "@import" not in html


def test_every_figure_has_its_formula_and_its_command(report, html):
    for panel in report.panels:
        if panel.plot:
            assert panel.formulas
            assert page.escape(report.command(panel)) in re.sub("</?span>", "", html)


def test_the_same_run_gives_the_same_bytes(folder, html):
    assert page.render(read_report(folder)) == html


def test_foreign_text_is_never_markup(folder, tmp_path):
    run = shutil.copytree(folder, tmp_path / "run")
    counts = json.loads((run / "counts.json").read_text("utf-8"))
    counts["model"]["labels"] = ["<script>alert(1)</script>", "a|b\nc"]
    counts["run"]["command"] = "spikebert-simulate '<img src=x>' $title"
    (run / "counts.json").write_text(json.dumps(counts), "utf-8")
    report = read_report(run)
    html = page.render(report)
    assert html.count("<script") == 1
    assert "<img src=x" not in html
    assert "$title" in html
    tables = [line for line in markdown.render(report).splitlines() if line.startswith("| labels")]
    assert tables == ["| labels | \\<script\\>alert(1)\\</script\\>, a\\|b c |"]


def test_a_panel_without_its_recording_says_what_to_run(folder, tmp_path):
    run = shutil.copytree(folder, tmp_path / "run")
    (run / "trace.npz").unlink()
    report = read_report(run)
    for key in ("raster", "attention", "membrane"):
        panel = next(panel for panel in report.panels if panel.key == key)
        assert panel.plot is None
        assert "--trace N" in panel.paragraphs[0]
    assert "Not recorded" in markdown.render(report)


def test_dead_neurons_that_were_not_counted_are_a_dash(folder, tmp_path):
    run = shutil.copytree(folder, tmp_path / "run")
    counts = json.loads((run / "counts.json").read_text("utf-8"))
    for layer in counts["layers"]:
        layer.update(dead=None, saturated=None)
    (run / "counts.json").write_text(json.dumps(counts), "utf-8")
    assert "were not counted" in markdown.render(read_report(run))


def test_the_energies_of_the_texts_sum_to_the_account(report):
    from simulate.report.panels.samples import energies, reference

    run, (_, events, *_) = report.content.run, report.content.comparisons
    # Each text takes the cheaper order of its own attentions, the account the cheaper one of each attention.
    assert sum(energies(report.content)) == pytest.approx(events.spiking.picojoules / 1e6, rel=0.05)
    assert sum(reference(report.content)) == pytest.approx(bert.account(run).picojoules / 1e6)


def test_a_teacher_is_priced_beside_the_model(folder, tmp_path):
    sizes = {"num_hidden_layers": 4, "hidden_size": 12, "intermediate_size": 24}
    (tmp_path / "config.json").write_text(json.dumps(sizes))
    report = read_report(folder, tmp_path)
    shape, account = report.content.teacher
    assert account.picojoules == pytest.approx(2 * report.content.reference.picojoules)  # twice the blocks
    assert shape.name == f"teacher {tmp_path.name}"
    assert shape.name in markdown.render(report).replace("\\", "")
    assert f"--teacher {tmp_path}" in report.command()


def test_the_teacher_that_the_file_notes_is_priced_without_being_named(folder, tmp_path):
    run = shutil.copytree(folder, tmp_path / "run")
    assert read_report(run).content.teacher is None
    counts = json.loads((run / "counts.json").read_text("utf-8"))
    sizes = {"blocks": 4, "hidden_size": 12, "intermediate_size": 24}
    counts["model"]["metadata"]["training"] = {"teacher": "minilm", "teacher_shape": sizes}
    (run / "counts.json").write_text(json.dumps(counts), "utf-8")
    shape, account = read_report(run).content.teacher
    assert (shape.name, shape.blocks) == ("teacher minilm", 4)
    assert account.picojoules == pytest.approx(2 * bert.account(read_report(run).content.run).picojoules)
    counts["model"]["metadata"]["training"]["teacher_shape"] = {"blocks": "many"}
    (run / "counts.json").write_text(json.dumps(counts), "utf-8")
    assert read_report(run).content.teacher is None


def test_operations_times_prices_sum_to_every_account(report):
    table = next(table for panel in report.panels for table in panel.tables if table.key == "terms")
    for each in report.content.comparisons:
        rows = [row for row in table.rows if row[0] == each.spiking.name]
        total = sum((price * operations for _, _, operations, _, price, _ in rows), NOTHING)
        assert ends(total) == pytest.approx([each.spiking.span.low / 3, each.spiking.span.high / 3])


def test_an_energy_whose_prices_have_a_range_has_one_in_every_form(report, html):
    chip = next(each for each in report.content.comparisons if each.spiking.name == "loihi1")
    low, high = chip.ratio_span.low, chip.ratio_span.high
    shown = forms.span(100 * low, 100 * high, "%")
    assert shown in markdown.render(report) and shown in html.replace("&nbsp;", " ")
    document = json.loads(data.render(report))
    assert document["headline"]["energy"]["loihi1_to_bert_range"] == pytest.approx([low, high])
    rows = {row["account"]: row for row in document["panels"]["energy"]["tables"]["against_bert"]}
    assert rows["loihi1"]["to_bert"] == pytest.approx([low, high])
    assert rows["events"]["to_bert"][0] == rows["events"]["to_bert"][1]


def test_prices_stand_in_one_table(report):
    tables = [table for panel in report.panels for table in panel.tables]
    assert [table.key for table in tables if "source" in [column.key for column in table.columns]] == ["prices"]


def test_the_papers_table_and_our_row_stand_side_by_side(report):
    table = next(table for panel in report.panels for table in panel.tables if table.key == "paper")
    ours = dict(zip([column.key for column in table.columns], table.rows[-1], strict=True))
    assert [row[0] for row in table.rows[:2]] == ["paper, ChnSenti", "paper, Waimai"]
    assert ours["spiking_mj"] == pytest.approx(paper.account(report.content.run).picojoules / 3 / 1e9)
    assert ours["left_mj"] == pytest.approx(8 * 12 * 4.6 / 3 / 1e9)  # 8 tokens of 12 values


def test_texts_without_labels_give_a_report_without_accuracy(tmp_path):
    report = read_report(example_run(tmp_path, labelled=False))
    assert report.cards[0].value == "no labels"
    assert "accuracy" not in [panel.key for panel in report.panels]
    assert "no labels" in markdown.render(report)


def test_a_silent_network_can_be_reported(folder, tmp_path):
    run = shutil.copytree(folder, tmp_path / "run")
    counts = json.loads((run / "counts.json").read_text("utf-8"))
    for item in counts["layers"] + counts["operations"]:
        silent = {field: [0] * 4 for field in item if field.endswith("_per_step")}
        silent |= {"rate": 0.0} if "rate" in item else {}
        item.update(silent | {k: 0 for k in ("spikes", "input_events", "input_magnitude", "synaptic_operations")})
    counts["per_sample"] = {field: [0] * 3 for field in counts["per_sample"]}
    (run / "counts.json").write_text(json.dumps(counts), "utf-8")
    report = read_report(run)
    assert json.loads(data.render(report))["headline"]["energy"]["events"] == 0
    assert "events 0 %" in markdown.render(report)
    assert "<svg" not in page.render(report)  # drawn, and inside as data


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 100, 0.7222, 0.8749)]
)
def test_the_interval_is_wilsons(hits, n, low, high):
    assert wilson(hits, n) == pytest.approx((low, high), abs=1e-4)


def test_a_column_of_energies_has_the_unit_of_its_largest():
    assert forms.energy([1.5, 2_500_000.0]) == ["0.000 µJ", "2.500 µJ"]
    assert forms.energy([999.0]) == ["999.000 pJ"]
    assert forms.energy([1000.0]) == ["1.000 nJ"]
    assert forms.energy([103.38e9]) == ["103.380 mJ"]
    assert forms.energy([0.0]) == ["0.000 pJ"]
