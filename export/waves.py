"""The frame of a Lava run: how many token slots, sentences and steps its messages are made for.

It stands apart from `export.lava` because Lava executes the files there again, outside the import system.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """What all processes of a graph share."""

    rows: int  # R, token slots
    sentences: int  # S, the most sentences in a wave
    steps: int  # T
    places: dict[str, int]  # the row of each counted node in `counts`
    bounds: dict[str, int]  # the largest magnitude of each node's output
    errors: str  # the file that a failing model writes its traceback to

    def tokens(self, width: int) -> tuple[int, int]:
        """The shape of a message of token rows."""
        return self.rows, width

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.places), self.sentences
