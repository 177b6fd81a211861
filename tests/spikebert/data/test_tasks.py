"""Tasks whose labels are called otherwise than in their files."""

import pytest

from spikebert.core.errors import InputError
from spikebert.data.rows import Row
from spikebert.data.tasks import Task, with_labels

TASK = Task("films", [Row("0", "bad"), Row("1", "good")], [Row("1", "fine")], ["0", "1"])


def test_labels_get_names_and_keep_their_order():
    named = with_labels(TASK, {"0": "worse", "1": "better"})
    assert named.labels == ["worse", "better"]
    assert (named.train, named.dev) == ([Row("worse", "bad"), Row("better", "good")], [Row("better", "fine")])


def test_a_label_without_a_name_keeps_its_own():
    assert with_labels(TASK, {"1": "good"}).labels == ["0", "good"]


@pytest.mark.parametrize(
    ("names", "message"), [({"2": "two"}, "2: no label of the data, which are 0, 1"), ({"0": "1"}, "one name for two")]
)
def test_a_name_that_no_label_gets_and_one_for_two_labels_are_refused(names, message):
    with pytest.raises(InputError, match=message) as raised:
        with_labels(TASK, names)
    assert raised.value.field == "labels"
