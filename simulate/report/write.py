"""A report into files: the whole of it as a document, or one of its figures."""

from __future__ import annotations

import os
from pathlib import Path

from simulate.report.report import Report
from spikebert.core.errors import InputError
from spikebert.core.files import write_atomically

DOCUMENTS = (".html", ".md", ".json")
FIGURES = (".svg", ".pdf", ".png")


def require_document(path: str | os.PathLike[str], suffixes: tuple[str, ...] = DOCUMENTS) -> Path:
    """The path of a file that can be written, of one of the suffixes; an InputError tells before the work is done."""
    output = Path(path)
    if output.suffix.lower() not in suffixes:
        hint = "; --figure NAME writes a figure" if output.suffix.lower() in FIGURES else ""
        raise InputError(f"-o {path}: the suffix must be one of {', '.join(suffixes)}{hint}")
    if output.is_dir():
        raise InputError(f"-o {path}: is a folder; give a file")
    if not output.parent.is_dir():
        raise InputError(f"-o {path}: there is no folder {output.parent}; create it first")
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
