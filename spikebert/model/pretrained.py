"""What transformers and safetensors write of a model: without a bar where nobody sees it, and as any new file is."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

from transformers.utils import logging


def save_pretrained(folder: Path, *parts: Any) -> None:
    """Let each part, a model of transformers or its tokenizer, write its files into a folder."""
    shown = logging.is_progress_bar_enabled()
    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    try:
        for part in parts:
            part.save_pretrained(folder)
    finally:
        if shown:
            logging.enable_progress_bar()
    share_weights(folder)


def share_weights(folder: Path) -> None:
    """Give the files of safetensors the mode that the umask gives to new files: it makes them for their owner alone."""
    probe = folder / ".mode"
    probe.touch()
    mode = stat.S_IMODE(probe.stat().st_mode)
    probe.unlink()
    for path in folder.glob("*.safetensors"):
        path.chmod(mode)
