"""What options must be: one line names the one that is not. No torch here."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from pathlib import Path

from spikebert.core.errors import InputError, is_unicode, printable

WHOLE_MAX = 2**63  # whole numbers stay below it, as those of arrays and the seeds of torch do


def option(name: str) -> str:
    """The option that sets a field: `batch_size` → `--batch-size`."""
    return "--" + name.replace("_", "-")


def given(options: argparse.Namespace, *fields: str) -> list[str]:
    """Those that the user gave, as 0 or otherwise; one that was not given is None, False or an empty list."""
    values = ((field, getattr(options, field)) for field in fields)
    return [field for field, value in values if not (value is None or value is False or value == [])]


def require_least(least: float, **values: float | None) -> None:
    """An InputError for the first value that is below `least` or not finite; None means that none was given."""
    for name, value in values.items():
        if value is not None and not (value >= least and math.isfinite(value)):
            limit = f"be at least {least:g}" if least else "not be negative"
            finite = "" if math.isfinite(value) else ", and finite"
            raise InputError(f"{value}: must {limit}{finite}", field=name)


def require_most(most: float, **values: float | None) -> None:
    """An InputError for the first value that is above `most`; None means that none was given."""
    for name, value in values.items():
        if value is not None and value > most:
            raise InputError(f"{value}: must be at most {most}", field=name)


def require_positive(**values: float) -> None:
    """An InputError for the first value that is not above 0, as a learning rate must be."""
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise InputError(f"{value}: must be above 0 and finite", field=name)


def require_seed(seed: int) -> None:
    if not 0 <= seed < WHOLE_MAX:
        raise InputError(f"{seed}: must lie in 0 to {WHOLE_MAX - 1}", field="seed")


def require_choice(known: Sequence[str], **values: str) -> None:
    """An InputError for the first value that is none of those that are known."""
    for name, value in values.items():
        if value not in known:
            raise InputError(f"{value}: must be one of {', '.join(known)}", field=name)


def require_folder(out: str | os.PathLike[str]) -> None:
    """An InputError for an `--out` that is there and no folder, or whose path the libraries that write there refuse."""
    if not is_unicode(str(Path(out).absolute())):
        raise InputError(f"{printable(str(out))}: the path is not UTF-8; choose another folder", field="out")
    if Path(out).exists() and not Path(out).is_dir():
        raise InputError(f"{out}: is a file; give a folder", field="out")
