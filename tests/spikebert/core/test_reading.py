"""What is no readable file is told as what it is."""

import os

import pytest

from spikebert.core.errors import InputError
from spikebert.core.files import require_file


def test_a_pipe_a_circle_and_nothing_are_told_apart(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name, told in (
        ("pipe", "is a pipe or a device; write what it gives into a file"),
        ("circle", "is a symbolic link that leads in a circle"),
        ("nothing", "no such data file"),
        ("", "is a folder; give the data file itself"),
    ):
        with pytest.raises(InputError, match=f"{tmp_path / name}: {told}"):
            require_file(tmp_path / name, "data")
