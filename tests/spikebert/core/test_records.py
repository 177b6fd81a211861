"""What a type hint promises of a field of JSON, in checks and in words."""

from dataclasses import dataclass
from typing import Any

import pytest

from spikebert.core.errors import InputError
from spikebert.core.records import Count, Ends, Interval, Share, Size, kind_of, record_of


@pytest.mark.parametrize(
    "hint, passes, fails, words",
    [
        (str, ["", "a"], [1, None], "a text"),
        (float, [0, 1.5], [-1, float("nan"), True, "1"], "a number of at least 0"),
        (bool, [True], [1, "yes"], "true or false"),
        (Count, [0, 7], [-1, 1.0, True, 2**63], "a whole number of at least 0"),
        (Size | None, [1, None], [0, "1"], "a whole number of at least 1, or null"),
        (Share, [0, 0.5, 1], [1.1, -0.1], "a share from 0 to 1"),
        (list[str], [[], ["a"]], ["a", [1]], "a list of texts"),
        (list[Size] | None, [[1, 2], None], [[0]], "a list of whole numbers of at least 1, or null"),
        (Ends, [[1, 1], [0.5, 2]], [[2, 1], [1], [1, 2, 3], [-1, 1]], "two numbers of at least 0, the lower one first"),
        (Interval, [[-0.5, 1]], [[1, 0], [0, 1, 1], [0, 2]], "two numbers from -1 to 1, the lower one first"),
        (dict[str, Any], [{}], [[]], "an object"),
    ],
)
def test_a_hint_is_a_check_and_the_check_in_words(hint, passes, fails, words):
    kind = kind_of(hint)
    assert kind.one == words
    assert all(map(kind.holds, passes))
    assert not any(map(kind.holds, fails))


@dataclass
class Cat:
    purrs: bool


@dataclass
class Dog:
    barks: Size


@dataclass
class Pets:
    all: list[Cat | Dog]


@pytest.mark.parametrize(
    "content, message",
    [
        ([{"barks": 0}], r"all\[0\].barks must be a whole number of at least 1, not 0"),
        ([{"purrs": True}, {}], r"all\[1\] must have purrs or barks"),
        ([3], r"all\[0\] must be an object"),
    ],
)
def test_of_several_records_the_first_field_tells_which_it_is(content, message):
    assert record_of(Pets, {"all": [{"barks": 3}, {"purrs": True}]}, "") == Pets([Dog(3), Cat(True)])
    with pytest.raises(InputError, match=message):
        record_of(Pets, {"all": content}, "")


Renamed = Size


@dataclass
class Record:
    one: Renamed
    two: Count | None = None


def test_a_field_is_checked_by_its_type_however_that_is_spelled():
    assert record_of(Record, {"one": 1, "two": None}, "") == Record(1, None)
    with pytest.raises(InputError, match=r"at\.one must be a whole number of at least 1, not 0"):
        record_of(Record, {"one": 0}, "at.")
    with pytest.raises(InputError, match=r"at\.one is missing"):
        record_of(Record, {}, "at.")
