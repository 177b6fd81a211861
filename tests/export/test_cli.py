"""What spikebert-export refuses before it writes anything."""

import shutil

import pytest

from export.cli import main

MODEL = "examples/sst2/model.nir"


@pytest.mark.parametrize(
    "arguments",
    [
        ["model.nir", "--to", "onnx-integer", "-o", "model.nir"],
        ["model.nir", "-o", "model.svg", "--draw", "model.svg"],
        ["model.svg", "--draw", "model.svg"],
    ],
)
def test_an_output_never_takes_the_place_of_an_input_or_of_another_output(arguments, tmp_path, monkeypatch, capsys):
    for name in ("model.nir", "model.svg"):
        shutil.copyfile(MODEL, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert "is read or written by this command, too; choose another name" in capsys.readouterr().err
    assert (tmp_path / "model.nir").read_bytes() == (tmp_path / "model.svg").read_bytes()


def test_an_exported_model_may_be_written_over_itself(tmp_path):
    shutil.copyfile(MODEL, tmp_path / "model.nir")
    assert main([str(tmp_path / "model.nir"), "-o", str(tmp_path / "model.nir"), "--licence", "MIT"]) == 0


def test_an_option_of_the_value_0_is_not_passed_over(tmp_path, capsys):
    assert main([MODEL, "--bits", "0", "-o", str(tmp_path / "out.nir")]) == 2
    assert "is quantised already; --bits needs a model.pt" in capsys.readouterr().err
