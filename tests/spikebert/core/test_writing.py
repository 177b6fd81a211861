"""Files go out whole or not at all, where links point, and nothing is left of a writer that was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spikebert.core.errors import InputError
from spikebert.core.files import append, require_folder_of, write_atomically


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def new(path: Path) -> None:
    path.write_text("new")


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("half")
        raise ValueError("of the library")

    with pytest.raises(ValueError, match="of the library"):
        write_atomically(path, write)
    assert names(tmp_path) == ["report.json"]
    assert path.read_text() == "old"


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    device = tmp_path / "device"
    os.mkfifo(device)
    for check in (lambda: write_atomically(device, new), lambda: require_folder_of(device, "-o")):
        with pytest.raises(InputError, match="no regular file"):
            check()
    assert device.is_fifo()


def test_a_folder_is_refused_before_the_work(tmp_path):
    with pytest.raises(InputError, match=r"-o .*: is a folder; give a file"):
        require_folder_of(tmp_path, "-o")


def test_a_link_is_written_through_and_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    for there in (True, False):  # what it points to
        target, link = tmp_path / "disk" / f"{there}.json", tmp_path / f"{there}.json"
        link.symlink_to(target)
        if there:
            target.write_text("old")
        require_folder_of(link, "-o")
        write_atomically(link, new)
        assert link.is_symlink()
        assert target.read_text() == "new"
    assert names(tmp_path / "disk") == ["False.json", "True.json"]


@pytest.mark.parametrize(("points", "says"), [("missing/x", "is not there; create it first"), ("link", "in a circle")])
def test_a_link_to_nowhere_is_refused_before_the_work(tmp_path, points, says):
    link = tmp_path / "link"
    link.symlink_to(points)
    for check in (lambda: write_atomically(link, new), lambda: require_folder_of(link, "-o")):
        with pytest.raises(InputError, match=says):
            check()


def test_a_file_may_have_the_longest_name(tmp_path):
    name = "x" * 250 + ".json"
    write_atomically(tmp_path / name, new)
    assert names(tmp_path) == [name]


def test_a_replaced_file_keeps_its_permissions_and_a_new_one_has_the_usual(tmp_path):
    path = tmp_path / "private"
    path.touch(0o600)
    write_atomically(path, new)
    write_atomically(tmp_path / "new", new)
    (tmp_path / "usual").touch()
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in names(tmp_path)}
    assert modes["private"] == 0o600
    assert modes["new"] == modes["usual"]


def test_a_file_that_must_not_be_written_is_refused(tmp_path, monkeypatch):
    (tmp_path / "x").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # the superuser may write all
    with pytest.raises(InputError, match="must not be written"):
        write_atomically(tmp_path / "x", new)


KILLED = """
import sys, time
from pathlib import Path
from spikebert.core.files import write_atomically

def write(path):
    path.write_text("half")
    print("writing", flush=True)
    time.sleep(60)

write_atomically(Path(sys.argv[1]), write)
"""


def test_the_next_writer_removes_what_a_killed_one_left_and_not_what_one_that_lives_is_making(tmp_path):
    writers = [
        subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / name)], stdout=subprocess.PIPE)
        for name in ("one", "two")
    ]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    assert len(names(tmp_path)) == 2
    writers[0].send_signal(signal.SIGKILL)
    writers[0].wait()
    write_atomically(tmp_path / "three", new)
    left = names(tmp_path)
    assert len(left) == 2
    assert left[1] == "three"
    assert names(tmp_path / left[0]) == ["two"]
    writers[1].kill()
    writers[1].wait()
    write_atomically(tmp_path / "three", new)
    assert names(tmp_path) == ["three"]


def test_a_folder_of_a_like_name_that_is_not_a_writers_stays(tmp_path):
    (tmp_path / ".spikebert-tmp-notes").mkdir()
    (tmp_path / ".spikebert-tmp-abcdefgh").symlink_to(tmp_path / ".spikebert-tmp-notes")
    write_atomically(tmp_path / "x", new)
    assert names(tmp_path) == [".spikebert-tmp-abcdefgh", ".spikebert-tmp-notes", "x"]


def test_a_planted_link_of_the_old_predictable_name_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    (tmp_path / f".x.{os.getpid()}").symlink_to(victim)
    write_atomically(tmp_path / "x", new)
    assert victim.read_text() == "theirs"


@pytest.mark.parametrize("killed", ["", '{"half', "\n" + "x" * 9000])
def test_a_line_is_added_whole_after_one_that_a_killed_writer_left(tmp_path, killed):
    path = tmp_path / "metrics.jsonl"
    append(path, "one")
    with path.open("a") as file:
        file.write(killed)
    append(path, "two")
    assert path.read_text().split() == ["one", "two"]
