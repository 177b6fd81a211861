"""The panels of the report in their order. To add one, write a function `panel(content) -> Panel | None` and list it.

A panel that has nothing to say of a run (no labels, no accuracy) gives None. CARDS are the first screen.
"""

from simulate.report.panels import (
    accuracy,
    chips,
    energy,
    firing,
    operations,
    references,
    run,
    samples,
    scope,
    streams,
    terms,
    trace,
    worth,
)

CARDS = (accuracy.card, energy.card, firing.card, chips.card)
PANELS = (
    accuracy.panel,
    energy.panel,
    terms.panel,
    references.panel,
    firing.panel,
    operations.panel,
    worth.panel,
    samples.panel,
    streams.panel,
    trace.raster,
    trace.attention,
    trace.membrane,
    chips.panel,
    scope.panel,
    run.panel,
)
