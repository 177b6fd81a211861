"""One thread for each library: the models of the tests are tiny, and threads that wait for one another take longer."""

import os

import hypothesis
import pytest

hypothesis.settings.register_profile("suite", deadline=None)  # a busy computer is no fault of what is tested
hypothesis.settings.load_profile("suite")

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests that take many minutes, too")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes many minutes; --long runs it"))
