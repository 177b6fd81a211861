"""Trainings in processes of their own that start at once: each is forked from a process that has imported torch.

An import of torch and transformers takes longer than a training of the tests, and a test that kills a training starts
four or five of them.
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess

from spikebert.cli import main

_context = get_context("forkserver")
_context.set_forkserver_preload(["spikebert.training.pipeline", "spikebert.baselines.run", "transformers.models.bert"])


def start(arguments: Sequence[str], **environment: str) -> ForkServerProcess:
    """`python -m spikebert.cli ARGUMENTS`, whose output is lost; it may be killed and joined."""
    process = _context.Process(target=_run, args=(list(arguments), environment))
    method = multiprocessing.get_start_method(allow_none=True)
    process.start()
    multiprocessing.set_start_method(method, force=True)  # the start has settled it, and Lava's import does so itself
    return process


def finish(arguments: Sequence[str]) -> None:
    """Run it to its end, which must be a good one."""
    process = start(arguments)
    process.join()
    assert process.exitcode == 0


def _run(arguments: list[str], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    sys.exit(main(arguments))
