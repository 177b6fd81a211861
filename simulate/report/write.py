"""A report into files: the whole of it as a document, or one of its figures."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from simulate.counts_schema import FILE
from simulate.report.report import Report
from spikebert.core.errors import InputError
from spikebert.core.files import require_apart, require_folder_of, write_atomically

DOCUMENTS = (".html", ".md", ".json")
CONFIG = "config.json"  # of a BERT
FIGURES = (".svg", ".pdf", ".png")


def require_document(
    path: str | os.PathLike[str], suffixes: tuple[str, ...] = DOCUMENTS, sources: Iterable[Path | None] = ()
) -> Path:
    """The path of a file that can be written, of one of the suffixes, and that is none of those that it is made of; an
    InputError tells before the work is done.

    Args:
        sources: files and folders: runs, mappings, the config of a teacher.
    """
    output = Path(path)
    if output.suffix.lower() not in suffixes:
        hint = "; --figure NAME writes a figure" if output.suffix.lower() in FIGURES else ""
        raise InputError(f"-o {path}: the suffix must be one of {', '.join(suffixes)}{hint}")
    require_folder_of(output, "-o")
    for source in sources:
        require_apart(output, "-o", source, *(source and source / name for name in (FILE, CONFIG)))
    return output


def write(report: Report, path: Path, figure: str | None = None) -> None:
    """Write a report, or one figure of it by its name, whole or not at all; the suffix says how."""
    suffix = path.suffix.lower()
    if figure:
        from simulate.report.plotting import save

        plot = report.figure(figure).plot
        assert plot is not None
        write_atomically(path, lambda temporary: save(plot, temporary, suffix[1:]))
        return
    from simulate.report import data, markdown, page

    render = {".html": page.render, ".md": markdown.render, ".json": data.render}[suffix]
    write_atomically(path, lambda temporary: temporary.write_text(render(report), "utf-8"))
