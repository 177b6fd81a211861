"""Ways of damaging files of texts, as spreadsheets, editors and careless scripts do."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

from tests.fuzz.mutations import OTHERS, alter

MARKS = [
    *(b"\0", b"\r", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xe2\x80\x8b"),
    *(b'"', b'""', b"'", b",", b",,", b"\t", b"\t\t", b"\\", b"{", b"[]", b"\x1b[2J", b"\x1a", b"=1+1", b"\x85"),
]
HEADS = [
    b"PK\x03\x04",
    b"PAR1",
    b"\x1f\x8b",
    b"SQLite format 3\0",
    b"\xff\xfe",
    b"%PDF",
    b"\xef\xbb\xbf" * 2,
    b"\n" * 99,
]
HEADERS = [
    "label\ttext",
    "text\tlabel",
    "label,text",
    "text,text,label",
    "label",
    "id,gold,body",
    "sentence1\tsentence2",
]


def insert_mark(path: Path, rng: random.Random) -> None:
    """Something between two bytes, or in the place of one."""
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 3])):
        place = rng.randrange(len(content))
        content[place : place + rng.randrange(2)] = rng.choice(MARKS)
    path.write_bytes(content)


def end_otherwise(path: Path, rng: random.Random) -> None:
    """Other line ends, in all lines or in some."""
    lines, ends = path.read_bytes().split(b"\n"), [b"\n", b"\r\n", b"\r", b"\n\r", b"\x0b", b""]
    some, other = rng.choice(ends), rng.choice(ends)
    path.write_bytes(b"".join(line + rng.choice([some, some, other]) for line in lines))


def recode(path: Path, rng: random.Random) -> None:
    """Another encoding, head or packing."""
    content = path.read_bytes()
    text = content.decode("utf-8", "replace")
    others = [
        text.encode(rng.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])),
        text.replace("a", "ä").encode("latin-1", "replace"),
        rng.choice(HEADS) + content,
        gzip.compress(content),
        gzip.compress(gzip.compress(content)),
        gzip.compress(content)[:-9],
        gzip.compress(bytes(2**28), 1),
        b"",
    ]
    path.write_bytes(rng.choice(others))


def alter_lines(path: Path, rng: random.Random) -> None:
    """Lines doubled, joined, emptied, or far too long; another header."""
    lines = path.read_text("utf-8").splitlines()
    place, kind = rng.randrange(len(lines)), rng.randrange(7)
    if kind == 0:
        lines.insert(0, rng.choice(HEADERS))
    elif kind == 1:
        lines[place] = ""
    elif kind == 2:
        lines[place] *= rng.choice([2, 2**18])
    elif kind == 3:
        lines[place : place + 2] = [rng.choice(["", "\t", ","]).join(lines[place : place + 2])]
    elif kind == 4:
        lines[place] = rng.choice("\t,") * rng.choice([1, 5, 10**5])
    elif kind == 5:
        lines = lines[:1] * rng.choice([1, 5])
    else:
        lines[place] = " ".join(reversed(lines[place].split(rng.choice("\t, "))))
    path.write_text("\n".join(lines), "utf-8")


def alter_objects(path: Path, rng: random.Random) -> None:
    """Of JSON lines: a value of one, a field that stands there twice, or another form of the whole."""
    lines = path.read_text("utf-8").splitlines()
    place, kind = rng.randrange(len(lines)), rng.randrange(5)
    if kind == 0:
        lines[place] = lines[place].replace(
            "{", rng.choice(['{"label": "x", ', '{"text": 1e999, ', "{{", "[" * 10**5]), 1
        )
    elif kind == 1:
        lines = ["[" + ",".join(lines) + "]"]
    else:
        document = json.loads(lines[place])
        alter(document, rng, OTHERS)
        lines[place] = json.dumps(document)
    path.write_text("\n".join(lines), "utf-8")


OF_TEXTS = (*[insert_mark] * 3, end_otherwise, *[recode] * 2, *[alter_lines] * 3)
