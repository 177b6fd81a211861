"""Accuracy against the majority class, and the metric of the task, each with its uncertainty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulate.report import forms
from simulate.report.content import Content
from simulate.report.panel import Card, Column, Panel, Plot, Table
from spikebert.data.metrics import ACCURACY, Score, wilson
from spikebert.data.taught import teachers_in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


NUMBERS = "The model predicts a number: it has no accuracy, no majority class and no probabilities."


def _shares(content: Content) -> list[tuple[str, int, float, float, float]] | None:
    """(what, hits, share, low, high) of the model and of the majority class; None without labels."""
    run = content.run
    if run.correct is None or run.majority is None:
        return None
    hits = {"SpikeBERT": run.correct, "majority class": round(run.majority * run.samples)}
    return [(what, n, n / run.samples, *wilson(n, run.samples)) for what, n in hits.items()]


def _score(content: Content) -> Score | None:
    """What the metric of the run gave, if that is not the accuracy."""
    measured = content.run.measured
    return None if measured is None or measured.metric == ACCURACY else measured


def card(content: Content) -> Card:
    shares, score = _shares(content), _score(content)
    if shares is None and score is not None:
        return _number_card(content, score)
    if shares is None:
        return Card("accuracy", "Accuracy", "no labels", ("these texts came without labels",), {"accuracy": None})
    (_, hits, share, low, high), (_, _, majority, majority_low, majority_high) = shares
    if low > majority_high:
        verdict = "above it: the intervals are apart"
    elif high < majority_low:
        verdict = "below it: the intervals are apart"
    else:
        verdict = "not told apart from it: the intervals overlap"
    return Card(
        "accuracy",
        "Accuracy",
        f"{100 * share:.1f} %",
        (
            *(() if score is None else (score.sentence,)),
            f"{hits} of {content.run.samples} right; 95 % interval {_span(low, high)}",
            f"majority class {100 * majority:.1f} % ({_span(majority_low, majority_high)}); {verdict}",
            *_teacher(content),
        ),
        {"accuracy": share, "interval": [low, high]}
        | ({} if score is None else {"metric": score.record})
        | {"majority": majority, "majority_interval": [majority_low, majority_high]},
    )


def _number_card(content: Content, score: Score) -> Card:
    """Of a regression, which has no accuracy."""
    lines = (
        f"of the predicted numbers with the labels of {content.run.samples} texts",
        f"95 % bootstrap interval {score.low:.4f} to {score.high:.4f}",
        *_teacher(content),
    )
    record = {"accuracy": None, "metric": score.record}
    return Card("accuracy", score.metric.heading, f"{score.value:.4f}", lines, record)


def _teacher(content: Content) -> tuple[str, ...]:
    """What its teacher reached in training, or the mean of several, where the model's file notes it."""
    reached = content.noted_result(prefix="teacher_")
    if reached is None:
        return ()
    shape = content.teacher[0] if content.teacher else None
    who = teachers_in_words(content.run.model.noted("training", "more_teachers"), shape.size if shape else "")
    return (f"{who}: {reached} on the dev texts of the training",)


def _span(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def _scores(score: Score) -> Table:
    return Table(
        "score",
        "The metric of the task, 95 % bootstrap interval",
        (
            Column("metric", "metric", forms.text),
            Column("value", "value", forms.rate),
            Column("low", "from", forms.rate),
            Column("high", "to", forms.rate),
        ),
        ((score.metric.title, score.value, score.low, score.high),),
    )


def panel(content: Content) -> Panel | None:
    shares, score = _shares(content), _score(content)
    if shares is None:
        return None if score is None else Panel("accuracy", "Score", (NUMBERS,), tables=(_scores(score),))
    table = Table(
        "accuracy",
        "Accuracy, 95 % Wilson intervals",
        (
            Column("what", "", forms.text),
            Column("right", "right", forms.count),
            Column("share", "share", forms.percent),
            Column("low", "from", forms.percent),
            Column("high", "to", forms.percent),
        ),
        tuple(shares),
    )
    return Panel(
        "accuracy",
        "Accuracy",
        ("The majority class is what always answering with the most frequent label of these texts would reach.",),
        (
            "p = correct / samples",
            "interval = (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)",
            "n = samples,  z = 1.96",
        ),
        (table,) if score is None else (_scores(score), table),
        Plot(lambda width: _draw(shares, width), "Accuracy of the model and of the majority class, 95 % intervals."),
    )


def _draw(shares: list[tuple[str, int, float, float, float]], width: float) -> Figure:
    from simulate.report.plotting import BLUE, FAINT, new_figure

    figure = new_figure(width, 1.5)
    axes = figure.subplots()
    for row, (what, _, share, low, high) in enumerate(reversed(shares)):
        colour = BLUE if what == "SpikeBERT" else FAINT
        axes.plot([100 * low, 100 * high], [row, row], color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt")
        axes.plot(100 * share, row, "o", color=colour, markersize=6)
        axes.annotate(f"{100 * share:.1f} %", (100 * share, row), (0, 7), textcoords="offset points", ha="center")
    axes.set_yticks(range(len(shares)), [what for what, *_ in reversed(shares)])
    axes.set_ylim(-0.5, len(shares) - 0.35)
    axes.set_xlim(0, 100)
    axes.set_xlabel("texts classified right, %")
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    return figure
