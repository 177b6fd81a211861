"""What is told of a task, and of a result that cannot be right."""

from spikebert.data.rows import Row
from spikebert.data.summary import announce, doubts, look_alikes, warn_of
from spikebert.data.tasks import Task

TRAIN = [Row("a", "x"), Row("a", "y"), Row("b", "z"), Row("b", "longest"), Row("a", "x")]
DEV = [Row("a", "new"), Row("b", "other")]


def test_a_task_is_told_with_its_classes_its_repeated_texts_and_its_longest(told):
    announce(Task("mine", TRAIN, DEV, ["a", "b"], ["a.tsv: 2 blank lines left out"]))
    assert told.messages == [
        "a.tsv: 2 blank lines left out",
        "mine: 5 training and 2 dev texts, labels a, b",
        "training: a 3, b 2; 1 texts repeated; longest text 7 characters",
        "dev: a 1, b 1; longest text 5 characters",
    ]


def test_many_classes_are_not_all_listed(told):
    rows = [Row(f"label {i}", f"text {i}") for i in range(15)] * 2
    announce(Task("mine", rows, rows, sorted({row.label for row in rows})))
    assert "and 3 more labels" in told.text


def test_what_makes_an_accuracy_mean_little_is_doubted():
    assert not list(doubts(Task("mine", TRAIN, DEV, ["a", "b"])))
    train = [*TRAIN, Row("b", "x"), Row("c", "w")]
    found = list(doubts(Task("mine", train, [Row("a", "y"), Row("b", "new")], ["a", "b", "c"])))
    assert found == [
        "1 of 2 dev texts are training texts, too; the accuracy tells little of new ones",
        "1 training texts have more than one label, such as 'x'",
        "one training text alone has the label 'c'",
        "no dev text has the label 'c'; its accuracy is not measured",
    ]


def test_a_label_that_a_sample_lost_is_named():
    assert "has the label 'c'; give a higher --limit" in next(doubts(Task("mine", TRAIN, DEV, ["a", "b", "c"])))


def test_labels_that_look_alike_are_named():
    labels = ["1", "1.0", "Good  film", "good film", "bad"]
    assert look_alikes(labels) == [["1", "1.0"], ["Good  film", "good film"]]
    assert not look_alikes(["1", "-1", "10", "nan", "a b", "ab"])


def test_results_that_cannot_be_right_are_warned_of(told):
    warn_of("SpikeBERT", 0.5, DEV, 0.5)
    assert not told.messages
    warn_of("SpikeBERT", 0.4, DEV, 0.4)
    assert "warning: SpikeBERT is right less often (0.4000) than the most frequent label (0.5000)" in told.text
    warn_of("SpikeBERT", 0.9, DEV, 0.0)
    assert "warning: SpikeBERT is far above its teacher (0.9000, 0.0000)" in told.text


def test_a_task_of_numbers_is_told_with_their_range_and_mean(told):
    announce(Task("mine", [Row("0.5", "x"), Row("4.5", "y")], [Row("2", "z")], []))
    assert told.messages == [
        "mine: 2 training and 1 dev texts, labels are numbers, which are predicted",
        "training: 0.5 to 4.5, mean 2.5, standard deviation 2; longest text 1 characters",
        "dev: 2 to 2, mean 2, standard deviation 0; longest text 1 characters",
    ]
