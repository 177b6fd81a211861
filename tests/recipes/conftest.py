"""What the recipes that make a BERT of another work on."""

import pytest

from tests.spikebert.training.test_training import teacher
from tests.spikebert.training.test_vocabulary import save_bert

__all__ = ["teacher"]  # a fixture: a BERT that reads whole words


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """The folder of an untrained BERT that reads word pieces."""
    return save_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    """A task whose labels are 0 and 1, as the file of its training part."""
    path = tmp_path_factory.mktemp("films") / "films.tsv"
    path.write_text("".join(f"{i % 2}\t{('bad', 'good')[i % 2]} film {'abcdefghij'[i % 10]}\n" for i in range(60)))
    return path


@pytest.fixture
def refused(capsys):
    """`refused(main, arguments)`: the one line that a recipe ends on."""

    def line_of(main, arguments):
        assert main([str(each) for each in arguments]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    return line_of
