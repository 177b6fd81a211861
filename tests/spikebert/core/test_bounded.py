"""Work in a child under limits: what it yields comes back, and whatever becomes of it is one line."""

import os
import time

import pytest

from spikebert.core.bounded import results
from spikebert.core.errors import InputError


def of(work, seconds=2, memory=2**28):
    return list(results(work, "it", seconds, memory))


def test_results_come_back_in_their_order():
    large = bytes(range(256)) * 2**14
    assert of(lambda: [b"a", b"", large]) == [b"a", b"", large]


class Panic(BaseException):
    """As a library in Rust raises it."""


@pytest.mark.parametrize("kind", [ValueError, Panic, SystemExit])
def test_what_it_raises_is_told_in_one_line(kind, capfd):
    def work():
        os.write(2, b"thread panicked\n")
        yield b"a"
        raise kind("no\nway")

    with pytest.raises(InputError) as error:
        of(work)
    assert str(error.value) == "it: no way"
    assert capfd.readouterr().err == ""


def test_without_end_it_is_ended():
    def work():
        while True:
            pass

    with pytest.raises(InputError, match=r"it: (takes more than 1 s|gave no answer)"):
        of(work, seconds=1)


def test_without_measure_it_is_ended():
    with pytest.raises(InputError, match=r"^it: "):
        of(lambda: [bytes(2**30)])


def test_a_process_that_breaks_down_takes_only_itself_down():
    with pytest.raises(InputError, match="or breaks down"):
        of(lambda: [os.abort()])


def test_nothing_stays_behind_where_the_reader_leaves_early():
    def work():
        while True:
            yield str(os.getpid()).encode()
            time.sleep(0.01)

    received = results(work, "it", 60)
    child = int(next(received))
    os.kill(child, 0)
    received.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
