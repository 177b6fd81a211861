"""examples/tutorial.ipynb, executed as Jupyter does."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

PAGE = Path(__file__).parents[1] / "examples" / "tutorial.ipynb"


def test_the_notebook_runs_from_the_text_to_the_chip():
    notebook = nbformat.read(PAGE, 4)
    NotebookClient(notebook, timeout=500, resources={"metadata": {"path": str(PAGE.parents[1])}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
    assert "equal in every spike" in shown and "of a BERT's" in shown
    assert "1 chip'" in shown and "['map', 'report.html', 'stages']" in shown
    assert any("image/png" in output.get("data", {}) for output in outputs)
