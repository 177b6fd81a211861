"""Folders go out whole or not at all, and of what lies in them only a command's own files are touched."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from spikebert.core.errors import InputError
from spikebert.core.files import (
    LIST,
    Kind,
    claim,
    names_format,
    remove_folder,
    require_apart,
    require_place,
    write_folder_atomically,
)
from spikebert.core.files import folders as module

KIND = Kind("a run", ("run.json", "more.txt", "part/*"), names_format("run"))
OLD, NEW = ('{"format": "run", "is": "%s"}' % word for word in ("old", "new"))  # noqa: UP031


def fill(folder: Path) -> None:
    (folder / "run.json").write_text(NEW)


def fill_old(folder: Path) -> None:
    (folder / "run.json").write_text(OLD)
    (folder / "more.txt").write_text("of the old one")
    write_folder_atomically(folder / "part", KIND, lambda part: (part / "inner").write_text("of the old one"))


def contents(folder: Path) -> dict[str, str]:
    """All files below a folder but its list."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != LIST)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


@pytest.fixture
def run(tmp_path) -> Path:
    write_folder_atomically(tmp_path / "run", KIND, fill_old)
    assert contents(tmp_path) == {
        "run/run.json": OLD,
        "run/more.txt": "of the old one",
        "run/part/inner": "of the old one",
    }
    return tmp_path / "run"


def test_a_folder_takes_the_place_of_the_one_before(run):
    write_folder_atomically(run, KIND, fill)
    assert contents(run) == {"run.json": NEW}
    assert sorted(path.name for path in run.iterdir()) == [LIST, "run.json"]


@pytest.mark.parametrize("listed", [True, False])
def test_a_folder_that_another_process_makes_meanwhile_is_replaced(tmp_path, listed):
    kind = replace(KIND, listed=listed)

    def fill_late(folder: Path) -> None:
        write_folder_atomically(tmp_path / "run", kind, fill_old)
        fill(folder)

    write_folder_atomically(tmp_path / "run", kind, fill_late)
    assert contents(tmp_path / "run") == {"run.json": NEW}
    assert (tmp_path / "run" / LIST).exists() == listed
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_somebodys_files_that_came_meanwhile_are_left_alone(tmp_path):
    def fill_late(folder: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "run.json").write_text("theirs")
        fill(folder)

    with pytest.raises(InputError, match=r"holds run.json, which this command did not write"):
        write_folder_atomically(tmp_path / "run", KIND, fill_late)
    assert contents(tmp_path) == {"run/run.json": "theirs"}


def test_a_file_that_is_read_is_no_output(run, tmp_path):
    (tmp_path / "link").symlink_to(run / "run.json")
    for path, read in ((tmp_path / "a", tmp_path / "a"), (run / "run.json", run), (tmp_path / "link", run)):
        with pytest.raises(InputError, match=rf"^-o {path}: is read or written by this command, too"):
            require_apart(path, "-o", None, read)
    require_apart(run / "report.html", "-o", run)


def test_files_of_others_in_it_stay(run):
    theirs = {"report.html": "a", "my_data.tsv": "b", ".git/HEAD": "c", "part/notes": "d"}
    for name, text in theirs.items():
        if name != "part/notes":
            (run / name).parent.mkdir(exist_ok=True)
            (run / name).write_text(text)
    write_folder_atomically(run, KIND, fill)
    theirs.pop("part/notes")
    assert contents(run) == {"run.json": NEW, **theirs}


@pytest.mark.parametrize("name", ["more.txt", "run.json", "part/inner", "part/another"])
def test_a_file_that_somebody_put_or_changed_where_one_goes_is_refused_by_its_name(run, name):
    (run / name).write_text("my own")
    before = contents(run)
    with pytest.raises(InputError, match=f"--out .*: holds {name}, which this command did not write"):
        require_place(run, KIND, "--out")
    with pytest.raises(InputError, match=f"holds {name}"):
        write_folder_atomically(run, KIND, fill)
    assert contents(run) == before


def test_a_link_in_the_place_of_a_file_is_somebodys(run, tmp_path):
    (tmp_path / "thesis").write_text("mine")
    (run / "run.json").unlink()
    (run / "run.json").symlink_to(tmp_path / "thesis")
    with pytest.raises(InputError, match=r"holds run\.json"):
        write_folder_atomically(run, KIND, fill)
    assert (tmp_path / "thesis").read_text() == "mine"


@pytest.mark.parametrize(
    ("files", "first"),
    [
        ({"run.json": "{}", "thesis": "x"}, r"run\.json"),
        ({"run.json": OLD, "thesis": "x"}, "thesis"),
        ({".git/HEAD": "x", "run.json": OLD}, r"\.git/HEAD"),
        ({"thesis": "x"}, "thesis"),
        ({"run.json": "[" * 100_000}, r"run\.json"),
    ],
)
def test_a_folder_without_a_list_that_holds_anything_of_others_is_refused(tmp_path, files, first):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=f"holds {first}, which"):
        write_folder_atomically(tmp_path, KIND, fill)
    assert contents(tmp_path) == files


def test_a_folder_of_an_older_version_is_taken_over(run):
    (run / LIST).unlink()
    (run / "part" / "inner").unlink()
    require_place(run, KIND, "--out")
    write_folder_atomically(run, KIND, fill)
    assert contents(run) == {"run.json": NEW}


def test_a_folder_of_another_command_is_refused(run):
    other = Kind("a mapping", ("run.json",), names_format("run"))
    with pytest.raises(InputError, match="holds 'a run', and would not be 'a mapping'; choose another folder"):
        write_folder_atomically(run, other, fill)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "spikebert-files", "kind": 1}'])
def test_a_damaged_list_is_said(run, text):
    (run / LIST).write_text(text)
    with pytest.raises(InputError, match="is damaged"):
        require_place(run, KIND, "--out")


@pytest.mark.parametrize("name", ["../thesis", "link/thesis", "/{tmp}/thesis", "", ".", "part/../../thesis"])
def test_a_list_from_anywhere_leads_to_no_file_outside(run, tmp_path, name):
    (tmp_path / "thesis").write_text("mine")
    (run / "link").symlink_to(tmp_path)
    content = json.loads((run / LIST).read_text())
    seal = module._seal(tmp_path / "thesis", True)
    content["files"][name.format(tmp=tmp_path)] = seal
    (run / LIST).write_text(json.dumps(content))
    write_folder_atomically(run, KIND, fill)
    assert (tmp_path / "thesis").read_text() == "mine"


def test_where_the_command_runs_its_files_are_written(run, monkeypatch):
    monkeypatch.chdir(run)
    write_folder_atomically(".", KIND, fill)
    write_folder_atomically("../run", KIND, fill)
    assert contents(Path()) == {"run.json": NEW}


def test_a_link_is_written_through(run, tmp_path):
    (tmp_path / "disk").mkdir()
    for name, target in {"live": run, "dangling": tmp_path / "disk" / "new"}.items():
        link = tmp_path / name
        link.symlink_to(target)
        require_place(link, KIND, "--out")
        write_folder_atomically(link, KIND, fill)
        assert link.is_symlink()
        assert contents(target) == {"run.json": NEW}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "disk", "live", "run"]


def test_a_link_to_nowhere_is_refused_before_the_work(tmp_path):
    (tmp_path / "link").symlink_to("unmounted/run")
    with pytest.raises(InputError, match=r"--out .*: is a symbolic link into .*unmounted, which is not there"):
        require_place(tmp_path / "link", KIND, "--out")
    (tmp_path / "dangling").symlink_to("nothing")
    with pytest.raises(InputError, match="dangling is a symbolic link to nothing"):
        require_place(tmp_path / "dangling" / "run", KIND, "--out")


def test_a_place_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"--out .*/file/run: nothing can be written into .*/file \(Not a directory\)"):
        require_place(tmp_path / "file" / "run", KIND, "--out")
    with pytest.raises(InputError, match="is a file; give a folder"):
        require_place(tmp_path / "file", KIND, "--out")
    require_place(tmp_path / "new" / "run", KIND, "--out")
    assert not (tmp_path / "new").exists()


def test_a_folder_may_have_the_longest_name(tmp_path):
    for _ in range(2):
        write_folder_atomically(tmp_path / ("x" * 255), KIND, fill)
    assert contents(tmp_path) == {"x" * 255 + "/run.json": NEW}


def test_a_folder_that_could_not_be_filled_is_as_before(run):
    before = contents(run)

    def write(folder: Path) -> None:
        fill(folder)
        raise ValueError

    with pytest.raises(ValueError):
        write_folder_atomically(run, KIND, write)
    assert contents(run) == before
    require_place(run, KIND, "--out")


def failing(monkeypatch, after: int, error: BaseException) -> None:
    """Let renames fail after so many."""
    rename, count = Path.rename, iter(range(after))

    def once(self, target):
        if next(count, None) is None:
            monkeypatch.setattr(Path, "rename", rename)
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", once)


@pytest.mark.parametrize("after", range(5))
def test_a_folder_into_which_files_could_not_be_moved_is_as_before(run, monkeypatch, after):
    before = contents(run)
    failing(monkeypatch, after, OSError(5, "Input/output error"))
    with pytest.raises(OSError, match="Input/output"):
        write_folder_atomically(run, KIND, fill)
    assert contents(run) == before
    require_place(run, KIND, "--out")


@pytest.mark.parametrize("after", range(6))
def test_a_writer_that_is_killed_while_it_moves_files_is_finished_by_the_next(run, after):
    pid = os.fork()
    if pid == 0:
        count, rename = iter(range(after)), Path.rename

        def once(self, target):
            if next(count, None) is None:
                os._exit(9)
            return rename(self, target)

        Path.rename = once
        try:
            write_folder_atomically(run, KIND, fill)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    require_place(run, KIND, "--out")
    assert contents(run) == {"run.json": NEW}
    assert sorted(path.name for path in run.iterdir()) == [LIST, "run.json"]


def test_an_output_folder_may_be_a_mount_point(tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", volume], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (volume / "lost+found").mkdir(0)
        for content in (fill_old, fill):
            require_place(volume, KIND, "--out")
            write_folder_atomically(volume, KIND, content)
        assert contents(volume) == {"run.json": NEW}
    finally:
        subprocess.run(["umount", volume], check=True)


def test_a_claimed_folder_keeps_files_of_others_and_refuses_those_of_its_own_names(tmp_path):
    (tmp_path / "my_data.tsv").write_text("x")
    claim(tmp_path, KIND)
    (tmp_path / "more.txt").write_text("written by the run")
    claim(tmp_path, KIND)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "more.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds more\.txt, which"):
        claim(tmp_path / "other", KIND)
    assert contents(tmp_path / "other") == {"more.txt": "mine"}


def test_a_folder_is_removed_but_for_what_is_not_its_own(run):
    (run / "notes").write_text("mine")
    remove_folder(run, KIND)
    assert contents(run) == {"notes": "mine"}
    (run / "notes").unlink()
    remove_folder(run, KIND)
    assert not run.exists()
