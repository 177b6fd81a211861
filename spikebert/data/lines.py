"""The lines of a text file: gzipped or plain, whatever ends its lines, and never of a file that is something else."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from spikebert.core.errors import InputError

GZIP = b"\x1f\x8b"
LONGEST = 2**26  # bytes of a line: many times those of the longest text that is tokenised
BOM = "\ufeff"
SAVE_AS_CSV = "save it as CSV in UTF-8 (in a spreadsheet program: Save As, 'CSV UTF-8'), and give that file"
TO_CSV = "write it as CSV (python -c \"import pandas; pandas.read_{}('IN').to_csv('OUT.csv', index=False)\")"
TO_UTF8 = "convert it: iconv -f {} -t UTF-8 IN > OUT"
MAGIC = (  # how files begin that are no text, what they are, and what to do
    (b"PK\x03\x04", "an Excel workbook or another zip archive", "unpack it, or " + SAVE_AS_CSV),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook or another Office file", SAVE_AS_CSV),
    (b"PAR1", "Parquet", TO_CSV.format("parquet")),
    (b"ARROW1", "Arrow", TO_CSV.format("feather")),
    (b"FEA1", "Feather", TO_CSV.format("feather")),
    (b"ORC", "ORC", TO_CSV.format("orc")),
    (b"Obj\x01", "Avro", "write its rows as JSON lines (.jsonl)"),
    (b"\x89HDF", "HDF5", "write its rows as CSV"),
    (b"SQLite format 3\x00", "an SQLite database", "write its table as CSV (sqlite3 -header -csv IN 'select …')"),
    (b"BZh", "packed by bzip2", "unpack it (bunzip2), or pack it with gzip"),
    (b"\xfd7zXZ\x00", "packed by xz", "unpack it (unxz), or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it (unzstd), or pack it with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"%PDF", "a PDF", "give the text as label<TAB>text lines"),
    (b"{\\rtf", "a rich text document", "save it as plain text in UTF-8"),
    (b"\xff\xfe\x00\x00", "text in UTF-32", TO_UTF8.format("UTF-32")),
    (b"\xff\xfe", "text in UTF-16", TO_UTF8.format("UTF-16")),
    (b"\xfe\xff", "text in UTF-16", TO_UTF8.format("UTF-16")),
)
HEAD = 512  # bytes by which a kind of file is known
TAR = (257, b"ustar")  # where, and what stands there


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number, line without its end) of a UTF-8 file, gzipped or not, streamed.

    Lines end with LF or CR LF; in a file without any LF, with CR. A byte order mark before a line is left out: files
    that were put together have them inside.

    Raises:
        InputError: naming the line that is not UTF-8 or holds a NUL byte, or what the file is that is no text.
    """
    return decoded(str(path), byte_lines(path))


def decoded(where: str, lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, str]]:
    """`read_lines` of what is no file: (line number, line with its end) of `where`, which the errors name."""
    for number, line in enumerate(_ended(lines), 1):
        if b"\0" in line:
            reason = "holds a NUL byte; the data are damaged, or in UTF-16: convert them to UTF-8"
            raise InputError(f"{where}, line {number}: {reason}")
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            remedy = "convert it to UTF-8 (iconv -f LATIN1 -t UTF-8 IN > OUT, if it is Latin-1)"
            raise InputError(f"{where}, line {number}: not UTF-8; {remedy}") from None
        yield number, text.lstrip(BOM)


def _ended(lines: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    """The lines without their ends, those of a file with CR alone parted there."""
    for number, line in lines:
        if line.endswith(b"\n"):
            yield line.removesuffix(b"\n").removesuffix(b"\r")
        elif number == 1:
            yield from line.removesuffix(b"\r").split(b"\r")
        else:
            yield line.removesuffix(b"\r")


def byte_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(line number, line with its end) of a file in any encoding, gzipped or not, streamed."""
    number = 0
    try:
        with _opened(path) as file:
            head = file.read(HEAD)
            file.seek(0)
            require_text(str(path), head)
            for number, line in parted(str(path), file):
                yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: truncated or not gzip, after line {number} ({error}); copy it again") from None


def parted(where: str, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(line number, line with its end) of an open file; a line without end, as a few packed bytes can be, is refused
    before it fills the memory."""
    for number, line in enumerate(iter(partial(file.readline, LONGEST), b""), 1):
        if len(line) == LONGEST and not line.endswith(b"\n"):
            raise InputError(
                f"{where}, line {number}: takes more than {LONGEST:,} bytes; split its text, and end each row with LF"
            )
        yield number, line


def _opened(path: Path) -> BinaryIO:
    """The file, unpacked where it begins as gzip does, whatever its name, or where its name says so."""
    with path.open("rb") as file:
        packed = file.read(len(GZIP)) == GZIP
    return gzip.open(path, "rb") if packed or path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def require_text(where: str, head: bytes) -> None:
    """An InputError if what begins with `head`, unpacked where a file is packed, is a kind of file that is no text."""
    place, mark = TAR
    if head[place : place + len(mark)] == mark:
        raise InputError(f"{where}: is a tar archive, not text; unpack it")
    if head.startswith(GZIP):
        raise InputError(f"{where}: is packed by gzip more than once; unpack it (gunzip)")
    for magic, what, remedy in MAGIC:
        if head.startswith(magic) and not _is_words(magic, head):
            raise InputError(f"{where}: is {what}, not text; {remedy}")


def _is_words(magic: bytes, head: bytes) -> bool:
    """Whether a mark of letters begins an ordinary line: 'ORC' and 'PAR1' may be labels."""
    return magic.isalnum() and b"\0" not in head and _is_utf8(head)


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a letter that the head cuts
    return True
