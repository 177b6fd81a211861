"""A hook of mkdocs: what the pages of docs/ link to elsewhere in the repository is part of the site, under outside/.

Markdown there becomes pages, whose own links are followed in the same way; any other file is copied as it is.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<=\]\()(?P<path>[^)#\s:]+)(?=[)#])")


def on_files(files: Any, config: Any) -> None:
    """Add every file outside docs/ that a page reaches."""
    from mkdocs.structure.files import File

    waiting = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    seen = set(waiting)
    while waiting:
        page = waiting.pop()
        for target in targets(page, (ROOT / page).read_text("utf-8")) - seen:
            seen.add(target)
            if not target.startswith("docs/"):
                files.append(File.generated(config, place(target), abs_src_path=str(ROOT / target)))
            if target.endswith(".md"):
                waiting.append(target)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of a page as they lead on the site."""
    here = page.file.src_uri
    origin = here.removeprefix("outside/") if here.startswith("outside/") else f"docs/{here}"

    def link(match: re.Match[str]) -> str:
        target = in_the_repository(origin, match["path"])
        return match["path"] if target is None else posixpath.relpath(place(target), posixpath.dirname(here) or ".")

    return LINK.sub(link, markdown)


def targets(page: str, markdown: str) -> set[str]:
    found = (in_the_repository(page, match["path"]) for match in LINK.finditer(markdown))
    return {target for target in found if target is not None}


def in_the_repository(page: str, link: str) -> str | None:
    """The file that a link leads to, by its path in the repository; None where there is none."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    return target if not target.startswith("..") and (ROOT / target).is_file() else None


def place(path: str) -> str:
    """Where a file of the repository is on the site."""
    return path.removeprefix("docs/") if path.startswith("docs/") else f"outside/{path}"
