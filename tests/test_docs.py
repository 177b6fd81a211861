"""The documentation against the code and the tree."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.fields import table
from benchmarks.site_links import on_page_markdown

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(p for folder in ("docs", "export", "examples") for p in (ROOT / folder).rglob("*.md"))]
)
HELP = re.compile(r"<!-- \$ COLUMNS=100 (?P<command>[^|]+) \| .*? -->\n(?P<output>.*?)<!-- end -->", re.DOTALL)
FIELDS = re.compile(
    r"<!-- \$ python benchmarks/fields.py (?P<module>\S+) (?P<record>\w+) -->\n(?P<made>.*?)\n<!-- end -->", re.DOTALL
)
FENCED = re.compile(r"```.*?```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", FENCED.sub("", page.read_text("utf-8")))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_the_page_of_the_api_says_what_the_docstrings_say():
    made = subprocess.run([sys.executable, ROOT / "benchmarks/api.py"], cwd=ROOT, capture_output=True, text=True)
    assert made.stdout == (ROOT / "docs/api.md").read_text("utf-8"), made.stderr


def test_what_a_call_gives_has_a_part_on_the_page_of_the_api():
    page = (ROOT / "docs/api.md").read_text("utf-8")
    given = {name for result in re.findall(r" -> (.*)`$", page, re.MULTILINE) for name in re.findall(r"\w+", result)}
    ours = {name for name in given if name[0].isupper()} - {"Any", "NDArray", "None"}
    parts = {name.removeprefix("spikebert.") for name in re.findall(r"^## `(.*)`$", page, re.MULTILINE)}
    assert {"Model", "Mapping", "Point"} <= ours <= parts


def records():
    return [m.group("module", "record", "made") for page in PAGES for m in FIELDS.finditer(page.read_text("utf-8"))]


@pytest.mark.parametrize(("module", "record", "made"), records(), ids=[record for _, record, _ in records()])
def test_a_table_of_fields_says_what_the_declaration_says(module, record, made):
    assert made == table(getattr(import_module(module), record))


@pytest.mark.parametrize(
    ("page", "link", "leads"),
    [
        ("howto/hand-off.md", "../../export/NIR.md#ints", "../outside/export/NIR.md#ints"),
        ("outside/export/NIR.md", "../docs/bundle.md", "../../bundle.md"),
        ("outside/README.md", "CONTRIBUTING.md", "CONTRIBUTING.md"),
        ("bundle.md", "counts.md", "counts.md"),
        ("bundle.md", "https://example.org/README.md", "https://example.org/README.md"),
    ],
)
def test_what_a_page_links_to_outside_docs_is_on_the_site(page, link, leads):
    given = SimpleNamespace(file=SimpleNamespace(src_uri=page))
    assert on_page_markdown(f"[a]({link})", given) == f"[a]({leads})"


def sections():
    return [m.group("command", "output") for m in HELP.finditer((ROOT / "docs/cli.md").read_text("utf-8"))]


@pytest.mark.parametrize(("command", "output"), sections(), ids=[command for command, _ in sections()])
def test_the_page_of_commands_says_what_their_help_says(command, output):
    environment = {**os.environ, "COLUMNS": "100"}
    program, *arguments = command.split()
    path = Path(sys.executable).parent / program
    done = subprocess.run([path, *arguments], env=environment, capture_output=True, text=True, check=True)
    wanted = "".join(f"    {line}" for line in done.stdout.splitlines(True))
    assert output.strip("\n") == wanted.strip("\n")
