"""One logger for what the library has to tell, `spikebert`; a command line shows it, a program as it likes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

logger = logging.getLogger("spikebert")
logger.addHandler(logging.NullHandler())
say = logger.info
warn = logger.warning


@contextmanager
def shown(stream: TextIO) -> Iterator[None]:
    """Within, what is logged stands in `stream`, a message a line, as soon as it is told."""
    handler, level, upwards = logging.StreamHandler(stream), logger.level, logger.propagate
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = upwards
