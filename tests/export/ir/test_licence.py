"""The licence of a model, noted in the exported file."""

from dataclasses import replace

import pytest

import spikebert
from export.cli import main
from export.ir import nir
from export.ir.licence import NOT_STATED, licence_of
from tests.random_graph import random_graph


@pytest.fixture
def model(tmp_path):
    nir.write(random_graph(blocks=1), tmp_path / "model.nir")
    return tmp_path / "model.nir"


def test_the_exported_file_notes_its_licence_and_computes_as_before(model, tmp_path):
    noted = tmp_path / "noted.nir"
    assert main([str(model), "--licence", "Apache-2.0", "-o", str(noted)]) == 0
    assert nir.checksum(nir.read(noted)) == nir.checksum(nir.read(model))
    assert (licence_of(nir.read(noted)), licence_of(nir.read(model))) == ("Apache-2.0", NOT_STATED)
    assert "Apache-2.0" in str(spikebert.inspect(noted))
    assert main([str(noted), "--to", "lava", "-o", str(tmp_path / "lava")]) == 0
    assert "Licence of the model: Apache-2.0." in (tmp_path / "lava" / "README.md").read_text("utf-8")


LINE = "--licence must be a line of text"


@pytest.mark.parametrize(
    ("name", "message"), [("", "licence: is empty"), ("  ", LINE), ("MIT\nand more", LINE), ("a\udcff", LINE)]
)
def test_a_licence_that_is_no_line_of_text_is_refused(model, tmp_path, capsys, name, message):
    assert main([str(model), "--licence", name, "-o", str(tmp_path / "noted.nir")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "noted.nir").exists()


def test_a_file_whose_licence_is_no_text_states_none():
    assert licence_of(replace(random_graph(), metadata={"licence": ["MIT"]})) == NOT_STATED
