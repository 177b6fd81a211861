"""Metrics: SciPy's statistics against scikit-learn's, the classes that they go with, and their intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikebert.core.errors import InputError
from spikebert.data.metrics import (
    ACCURACY,
    SPEARMAN,
    Metric,
    chosen,
    metric,
    noted,
    number_of,
    score,
    usual,
    value,
    wilson,
)

PAIR = ("0", "1")
CLASSES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=40)


def of(name, predicted, true, labels=PAIR):
    return score(metric(name, labels), np.array(predicted), np.array(true), labels)


@pytest.mark.needs("sklearn")
@given(CLASSES)
def test_f1_and_matthews_are_scikit_learns(rows):
    from sklearn.metrics import f1_score, matthews_corrcoef

    from spikebert.data.metrics import _statistic

    predicted, true = map(np.array, zip(*rows, strict=True))
    assert _statistic("f1")(predicted == 1, true == 1) == pytest.approx(f1_score(true, predicted, zero_division=0))
    assert _statistic("matthews")(predicted == 1, true == 1) == pytest.approx(matthews_corrcoef(true, predicted))


def test_f1_is_of_the_positive_class_whatever_its_place_among_the_labels():
    labels = ("equivalent", "not_equivalent")
    found = of("f1", [0, 0, 1, 1], [0, 1, 1, 0], labels)
    assert found.metric == Metric("f1", "equivalent") and found.value == 0.5
    assert of("f1:not_equivalent", [0, 0, 0, 1], [0, 0, 0, 1], labels).value == 1.0


def test_predictions_that_are_all_the_same_correlate_with_nothing():
    for name in ("matthews", "pearson", "spearman", "f1"):
        assert of(name, [0, 0, 0], [0, 1, 1]).value == 0.0


@pytest.mark.parametrize(
    ("name", "true", "ends"),
    [("matthews", [0, 1, 1], [-1, 1]), ("spearman", [0, 1, 1], [-1, 1]), ("f1", [0, 0, 0], [0, 1])],
)
def test_what_is_not_defined_is_no_certain_zero(name, true, ends, caplog):
    with caplog.at_level("INFO"):
        found = of(name, [0, 0, 0], true)
    assert found.value == 0.0 and found.record["interval"] == ends
    assert "is not defined for these texts" in caplog.text


def test_values_too_near_to_be_told_apart_correlate_with_nothing():
    found = score(metric("pearson", ()), np.array([1e-200, 2e-200, 3e-200]), np.array([1.0, 2.0, 3.0]), ())
    assert -1 <= found.low <= found.value <= found.high <= 1


def test_what_python_alone_reads_as_a_number_is_none():
    assert [number_of(label) for label in ("1.5", "-2", "1e3", "1_5", "٣", "inf", "x")] == [1.5, -2, 1000, *[None] * 4]


def test_ratings_correlate_as_the_numbers_that_they_are():
    assert of("pearson", [0, 1, 2], [0, 1, 2], ("1", "2", "10")).value == pytest.approx(1.0)
    assert of("spearman", [0, 2, 1], [0, 1, 2], ("1", "2", "10")).value == pytest.approx(0.5)


def test_numbers_without_labels_correlate_as_they_are():
    found = score(SPEARMAN, np.array([0.1, 0.2, 0.9, 1.0]), np.array([1.0, 2.0, 3.0, 4.0]), ())
    assert found.value == pytest.approx(1.0) and found.low <= found.value <= found.high


@pytest.mark.parametrize("name", ["accuracy", "f1", "matthews", "pearson", "spearman"])
def test_a_value_without_its_interval_is_that_of_the_score(name):
    predicted, true = np.random.default_rng(2).integers(0, 2, (2, 50))
    assert value(metric(name, PAIR), predicted, true, PAIR) == of(name, predicted, true).value


def test_an_interval_holds_the_value_and_is_the_same_each_time():
    random = np.random.default_rng(1)
    true = random.integers(0, 2, 200)
    predicted = np.where(random.random(200) < 0.8, true, 1 - true)
    for name in ("accuracy", "f1", "matthews"):
        found = of(name, predicted, true)
        assert found.low < found.value < found.high and found == of(name, predicted, true)


def test_the_interval_of_an_accuracy_is_wilsons():
    found = of("accuracy", [1] * 10, [1] * 8 + [0] * 2)
    assert (found.low, found.high) == wilson(8, 10)


@pytest.mark.parametrize(
    "task, labels, expected",
    [
        ("cola", PAIR, "matthews"),
        ("mrpc", PAIR, "f1:1"),
        ("glue:mrpc", ("equivalent", "not_equivalent"), "f1:equivalent"),
        ("nyu-mll/glue:qqp", ("duplicate", "not_duplicate"), "f1:duplicate"),
        ("sst2", PAIR, "accuracy"),
        ("cola", ("coke", "fanta", "sprite"), "accuracy"),
        ("stsb", (), "spearman"),
    ],
)
def test_a_task_has_the_metric_that_glue_reports(task, labels, expected):
    assert str(usual(task, labels)) == expected


@pytest.mark.parametrize(
    "choice, labels, fault",
    [
        ("mcc", PAIR, "must be one of"),
        ("matthews:1", PAIR, "must be one of"),
        ("f1", ("a", "b", "c"), "is of two classes"),
        ("f1", ("cat", "dog"), "say which, f1:cat or f1:dog"),
        ("f1:cow", ("cat", "dog"), "no such label"),
        ("spearman", ("cat", "dog"), "the label 'cat' is none"),
        ("accuracy", (), "numbers are predicted"),
    ],
)
def test_a_metric_that_does_not_go_with_the_labels_is_refused(choice, labels, fault):
    with pytest.raises(InputError, match=fault):
        chosen(choice, "task", labels)


def test_a_record_of_a_training_that_knows_no_metric_means_accuracy():
    assert noted({"metric": "f1:1"}, PAIR) == Metric("f1", "1")
    for record in ({}, None, {"metric": 3}, {"metric": "a newer one"}):
        assert noted(record, PAIR) == ACCURACY
