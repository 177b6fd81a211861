"""What the panels of a report are made of: the run and its accounts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simulate.energy import bert, events, paper
from simulate.energy.account import Account
from simulate.energy.record import RunRecord, read_run

ACCOUNTINGS = (paper.account, events.account)


@dataclass(frozen=True)
class Content:
    """`reference` is the same-shape BERT, priced on the same texts."""

    run: RunRecord
    accounts: tuple[Account, ...]
    reference: Account

    def per_text(self, total: float) -> float:
        return total / self.run.samples


def read_content(folder: Path) -> Content:
    """The content of a report on the run in a folder of spikebert-simulate; an InputError tells what is wrong there."""
    run = read_run(folder)
    return Content(run, tuple(account(run) for account in ACCOUNTINGS), bert.account(run))
