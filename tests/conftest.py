"""What all tests share: threads, the mark of long tests, and what is done where an optional package is missing."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

from spikebert.core.errors import EXTRAS

PEERS = dict.fromkeys(("norse", "snntorch"), "peers")
INSTALLED_BY = {**EXTRAS, **PEERS, "nbclient": "notebook", "nbformat": "notebook"}
hypothesis.settings.register_profile("suite", deadline=None)  # a busy computer is no fault of what is tested
hypothesis.settings.load_profile("suite")

# One thread for each library: the models of the tests are tiny, and threads that wait for one another take longer.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests that take many minutes, too")
    parser.addoption("--list-passed", type=Path, metavar="FILE", help="write the names of tests that pass into FILE")
    parser.addoption("--leave-out", type=Path, metavar="FILE", help="leave out the tests that FILE names")


def pytest_configure(config):
    path = config.getoption("--list-passed")
    if path and not hasattr(config, "workerinput"):  # a worker of xdist hears of its own tests alone
        path.write_text("")
        config.pluginmanager.register(Passed(path))


class Passed:
    """Writes down which tests passed."""

    def __init__(self, path):
        self.path = path

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            with self.path.open("a") as file:
                file.write(f"{report.nodeid}\n")


def pytest_collection_modifyitems(config, items):
    if path := config.getoption("--leave-out"):
        names = set(path.read_text().splitlines())
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in names])
        items[:] = [item for item in items if item.nodeid not in names]
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="takes many minutes; --long runs it"))
        for mark in item.iter_markers("needs"):
            for package in mark.args:
                if not is_installed(package):
                    item.add_marker(pytest.mark.skip(reason=missing(package)))


@pytest.fixture
def told(caplog):
    """What the library tells in the test: `told.messages`, a list, and `told.text`."""
    caplog.set_level("INFO", logger="spikebert")
    return caplog


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    """A file of tests that imports an optional package is skipped where that is not installed."""
    report = (yield).get_result()
    cause = report.call.excinfo and report.call.excinfo.value.__cause__
    package = (getattr(cause, "name", None) or "").partition(".")[0]
    if isinstance(cause, ModuleNotFoundError) and package in INSTALLED_BY:
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 1, f"Skipped: {missing(package)}")
        forget(collector.path.relative_to(collector.config.rootpath))


def forget(path):
    """Take a module whose import failed out of Python's table: pytest leaves it there, half made."""
    sys.modules.pop(".".join(path.with_suffix("").parts), None)


def is_installed(package):
    """Whether a module can be found; none of it is imported, but for the packages that it is in."""
    return find_spec(package.partition(".")[0]) is not None and find_spec(package) is not None


def missing(package):
    return f"{package} is not installed: pip install 'spikebert[{INSTALLED_BY[package]}]'"
