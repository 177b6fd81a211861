"""How a command line ends: on every terminal, and never without the checks of the libraries that it uses."""

import os
import subprocess
import sys

import pytest

from spikebert.core.errors import exit_cleanly, is_unicode, printable

PROGRAM = """
import sys
from spikebert.core.errors import InputError, exit_cleanly
def command():
    print("41 µJ → 日本 \\udcff")
    raise InputError("Größe × 2 – 日本")
sys.exit(exit_cleanly("p", command))
"""


def run(*flags, **environment):
    command = [sys.executable, *flags, "-c", PROGRAM]
    return subprocess.run(command, capture_output=True, env={**os.environ, **environment}, timeout=60)


@pytest.mark.parametrize(
    ("encoding", "shown", "told"),
    [
        ("utf-8", "41 µJ → 日本 \\udcff", "Größe × 2 – 日本"),
        ("latin-1", "41 µJ -> \\u65e5\\u672c \\udcff", "Größe × 2 - \\u65e5\\u672c"),
        ("ascii", "41 uJ -> \\u65e5\\u672c \\udcff", "Gr\\xf6\\xdfe x 2 - \\u65e5\\u672c"),
    ],
)
def test_what_a_terminal_cannot_show_is_written_plainly(encoding, shown, told):
    done = run(PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == 2
    assert done.stdout.decode(encoding).rstrip("\n") == shown
    assert done.stderr.decode(encoding).rstrip("\n") == f"p: error: {told}"


@pytest.mark.parametrize("flag", ["-O", "-OO"])
def test_python_without_assertions_is_refused_in_one_line(flag):
    done = run(flag)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1


def test_python_without_assertions_reads_no_model():
    code = "import spikebert; spikebert.load('examples/sst2/model.nir')"
    done = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stderr.splitlines()[-1].startswith("spikebert.core.errors.InputError: python -O")


def test_a_text_typed_as_utf_8_is_read_where_the_locale_knows_ascii_alone():
    code = "import sys; from spikebert.core.errors import typed; print(ascii(typed(sys.argv[1])))"
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for text, read in (("café".encode(), "caf\\xe9"), (b"caf\xe9", "caf\\udce9")):
        done = subprocess.run([sys.executable, "-c", code, text], env=plain, capture_output=True, timeout=60)
        assert done.stdout.decode().strip() == f"'{read}'"


@pytest.mark.parametrize(
    "asked",
    [
        "import numpy; numpy.zeros(2**55, numpy.uint8)",
        "bytearray(2**60)",
        pytest.param("import torch; torch.zeros(2**50)", marks=pytest.mark.needs("torch")),
    ],
)
def test_more_memory_than_is_there_is_one_line(asked):
    code = PROGRAM.split("def command")[0] + f"def command():\n    {asked}\nsys.exit(exit_cleanly('p', command))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("p: error: takes more memory than is there (") and done.stderr.count("\n") == 1


def test_other_faults_keep_their_traceback():
    code = PROGRAM.split("def command")[0] + "def command():\n    raise RuntimeError('x')\nexit_cleanly('p', command)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_half_characters_become_escapes():
    assert printable("a\udcff日") == "a\\udcff日"
    assert not is_unicode("\ud800")
    assert is_unicode("日")


def test_links_that_lead_in_a_circle_are_one_line(tmp_path, capsys):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert exit_cleanly("p", lambda: (tmp_path / "a").resolve().read_bytes() and 0) == 2
    error = capsys.readouterr().err
    assert str(tmp_path / "a") in error and error.count("\n") == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream_leads_nowhere_and_breaks_nothing(closed, tmp_path):
    code = (
        "import subprocess, sys\n"
        "from spikebert.core.errors import exit_cleanly\n"
        "def command():\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        print(ascii(sys.stdin.buffer.read()))\n"
        "        print('told', file=sys.stderr)\n"
        "        subprocess.run(['echo', 'more'], check=True)\n"
        "        file.write('result')\n"
        "sys.exit(exit_cleanly('p', command))"
    )
    line = f'"$0" -c "$1" "$2" {closed}'
    kept = tmp_path / "file"
    done = subprocess.run(["sh", "-c", line, sys.executable, code, kept], capture_output=True, input=b"", timeout=60)
    assert done.returncode == 0
    assert done.stdout in (b"b''\nmore\n", b"more\nb''\n", b"") and done.stderr in (b"told\n", b"")
    assert kept.read_text() == "result"
