"""Execute examples/tutorial.ipynb in place: `python benchmarks/notebook.py`, with the packages of the extra `notebook`.

As `jupyter execute --inplace` does, but what comes out is the same each time: no times, and a stream in one piece.
"""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

PAGE = Path(__file__).parents[1] / "examples" / "tutorial.ipynb"


def main() -> None:
    notebook = nbformat.read(PAGE, 4)
    root = {"metadata": {"path": str(PAGE.parents[1])}}
    NotebookClient(notebook, timeout=600, record_timing=False, coalesce_streams=True, resources=root).execute()
    nbformat.write(notebook, PAGE)


if __name__ == "__main__":
    main()
