"""JSON from outside can be written again, or is refused."""

import pytest

from spikebert.core import strict_json


def test_values_come_back():
    assert strict_json.loads('{"a": [1, 2.5, null, "日"]}'.encode()) == {"a": [1, 2.5, None, "日"]}


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "-Infinity", "1e999", "9" * 400, "9" * 10**5),
        *('"\\ud800"', '{"\\udfff": 1}', "[" * 10**5, "{", b"\xff"),
    ],
)
def test_what_could_not_be_written_again_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match=r".") as error:
        strict_json.loads(text)
    assert "\n" not in str(error.value)
