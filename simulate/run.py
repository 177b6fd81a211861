"""A whole simulation: texts in, a `Run` out, which knows its counts, its energy, its report and the folder `run/`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from export.ir.early_exit import margin_of
from export.ir.graph import Graph
from export.ir.npz import write_npz
from simulate import trace as traces
from simulate.batches import Tokens, batches
from simulate.counts import counts_of, is_whole, layers_of, shape_of
from simulate.counts_schema import EXIT_VERSION, FORMAT, VERSION, LayerCount, Origin, plain
from simulate.energy import accountings
from simulate.energy.account import Comparison
from simulate.energy.record import RunRecord, record_from
from simulate.folder import RUN
from simulate.interchange.forms import FORMS
from simulate.lava_installed import GRANULARITIES
from simulate.measure import Measure, numbers
from simulate.predictions import TSV, probabilities
from simulate.result import Counting, SimulationResult
from simulate.text import Texts, metric_of, prepared, true_of
from simulate.trace import Trace
from spikebert.core.errors import InputError, printable
from spikebert.core.files import sha256, write_folder_atomically
from spikebert.core.options import require_choice
from spikebert.core.progress import Bar
from spikebert.core.versions import versions
from spikebert.data.metrics import Metric, Score

if TYPE_CHECKING:
    from simulate.report.report import Report
    from simulate.shards import Shards

BACKENDS = ("fast", "lava")
TOGETHER = 2**15  # tokens of a part of a run whose predictions are written as they come: a second or less
NOT_SAVED = "RUN"  # how a report calls the folder of a run that has none


@dataclass(frozen=True)
class ModelFile:
    """What a run says of the model that it ran: the name of its file and the digest of the bytes in it."""

    name: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> ModelFile:
        return cls(path.name, sha256(path))


class Run:
    """What came of B texts on a simulator.

    labels and predictions are texts; `accuracy` is None where the texts have no labels. Predictions of a regression are
    numbers, and it has no accuracy. Everything else is computed when it is asked for.

    Attributes:
        graph: the integer model that ran.
        model: the file that holds it.
        texts: the texts, with labels where they have some.
        sentences: their token ids, (N,) each.
        result: logits (B, labels) int64, counts and times, as the simulator gave them.
        backend: "fast", "lava-block", "lava-layer" or "lava-stock".
        command: what the run says that it was made by.
        trace: one text seen closely, or None.
        metric: what `score` is.
        folder: where it was saved, or None.
    """

    def __init__(
        self,
        graph: Graph,
        model: ModelFile,
        texts: Texts,
        sentences: Sequence[Tokens],
        result: SimulationResult,
        backend: str = "fast",
        command: str = "",
        trace: Trace | None = None,
        metric: Metric | None = None,
    ):
        self.graph, self.model, self.texts, self.sentences = graph, model, texts, sentences
        self.result, self.backend, self.command, self.trace = result, backend, command, trace
        self.metric = metric or metric_of(graph)
        self.folder: Path | None = None

    def __repr__(self) -> str:
        told = "without labels" if self.score is None else f"{self.score.metric.title} {self.score.value:.4f}"
        count = len(self.texts.texts)
        return f"Run({count} {'text' if count == 1 else 'texts'} on {self.backend}, {told})"

    @property
    def predictions(self) -> list[Any]:
        """The label of each text; of a regression the number, a float in the unit of the labels that it learned."""
        if self.graph.regression:
            return numbers(self.graph, self.result.logits).tolist()
        return [self.graph.labels[i] for i in self.result.predictions]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(B, labels): the softmax of the logits, in the unit of the float model's; an InputError for a regression."""
        return probabilities(self.graph, self.result)

    @property
    def accuracy(self) -> float | None:
        """The share of texts whose label is predicted."""
        return None if self.correct is None else self.correct / len(self.texts.texts)

    @cached_property
    def correct(self) -> int | None:
        """The texts whose label is predicted; None where the texts have no labels, or numbers."""
        if self.graph.regression or self.texts.labels is None:
            return None
        return sum(a == b for a, b in zip(self.predictions, self.texts.labels, strict=True))

    @property
    def majority(self) -> float | None:
        """The share of the most frequent label: what one gets right without reading; None as of `correct`."""
        if self.graph.regression or self.texts.labels is None:
            return None
        return Counter(self.texts.labels).most_common(1)[0][1] / len(self.texts.labels)

    @cached_property
    def score(self) -> Score | None:
        """What the metric of the model's task, or the one that was asked for, gives, with its 95 % interval; None where
        the texts have no labels."""
        if self.texts.labels is None:
            return None
        return Measure(self.metric, true_of(self.graph, self.texts.labels)).score(self.graph, self.result.logits)

    @property
    def rates(self) -> dict[str, float]:
        """Spikes a neuron and step of each layer of neurons, in network order."""
        return {layer.name: layer.rate for layer in self.layers}

    @cached_property
    def layers(self) -> list[LayerCount]:
        """What each layer of neurons fired, in network order.

        Where the run counted nothing, the texts are run again, which is exact.
        """
        return layers_of(self.graph, self.result if self.result.counts else self._whole, self._lengths)

    @cached_property
    def _whole(self) -> SimulationResult:
        """The result with all counts: that of a second run, where the first did not count all."""
        return self.result if is_whole(self.graph, self.result) else self._again(record=False)

    @property
    def _lengths(self) -> list[int]:
        return [len(tokens) for tokens in self.sentences]

    @cached_property
    def spikes(self) -> Mapping[str, NDArray[np.uint8]]:
        """{layer: (T, M, D) of 0 and 1} over the M tokens of all texts, one text after the other.

        Where the run did not record them, the texts are run again on the same simulator, which is exact.
        """
        spikes = self.result.spikes if self.result.spikes is not None else self._again(record=True).spikes
        assert spikes is not None
        return spikes

    def _again(self, record: bool) -> SimulationResult:
        backend, _, granularity = self.backend.partition("-")
        return simulate(self.graph, self.sentences, backend, granularity or "block", record=record)

    @cached_property
    def counts(self) -> dict[str, Any]:
        """The whole of counts.json, as docs/counts.md tells.

        Where the run did not count all of it, the texts are run again, which is exact.
        """
        result = self._whole
        origin = Origin(
            backend=self.backend,
            data=printable(self.texts.source),
            command=self.command,
            seconds=result.seconds,
            startup_seconds=result.startup_seconds,
            versions=versions("spikebert", "numpy", "nir", "lava-nc"),
        )
        return {
            "format": FORMAT,
            "version": VERSION if self.result.steps is None else EXIT_VERSION,
            "model": plain(shape_of(self.graph, printable(self.model.name), self.model.sha256)),
            "run": plain(origin),
            "accuracy": self.accuracy,
            "correct": self.correct,
            "majority": self.majority,
            **({} if self.score is None else self.score.record),
            **counts_of(self.graph, result, self._lengths),
        }

    @property
    def record(self) -> RunRecord:
        """The counts as the energy accountings, the mapping and the report take them."""
        return record_from(self.counts, self.folder or Path(NOT_SAVED))

    def energy(self, accounting: str = "events") -> Comparison:
        """What the run costs under one accounting, in picojoules, beside a BERT of the same shape.

        Args:
            accounting: "paper", "events", "graded", "matched", "memory" or "loihi1"; docs/energy.md tells them apart.
        """
        found = {each.spiking.name: each for each in accountings.compare(self.record)}
        if accounting not in found:
            raise InputError(f"{accounting}: must be one of {', '.join(found)}", field="accounting")
        return found[accounting]

    def report(
        self,
        *outputs: str | Path,
        teacher: str | Path | None = None,
        mapping: str | Path | None = None,
        ablation: str | Path | None = None,
    ) -> Report:
        """Write the report as .html, .md or .json, by the suffix of each file; gives the Report.

        Args:
            teacher: the folder or config.json of a BERT to price on the same texts.
            mapping: a folder that a mapping was saved into, or its mapping.json.
            ablation: the .json of `spikebert ablate`.
        """
        from simulate.report.content import content_of
        from simulate.report.report import report_on
        from simulate.report.write import require_document, write

        sources = [Path(path) if path else None for path in (teacher, mapping, ablation)]
        paths = [require_document(path, sources=[self.folder, *sources]) for path in outputs]
        report = report_on(content_of(self.record, self.trace, *sources), *sources)
        for path in paths:
            write(report, path)
        return report

    def save(self, folder: str | Path, to: Sequence[str] = ()) -> None:
        """Write the folder, whole or not at all: counts.json, predictions.tsv, and spikes.npz and trace.npz where they
        were recorded.

        An earlier run there is replaced; other files are left alone.

        Args:
            to: forms of other tools, in which the run is written, too: "neurobench", "nirdata", "prosperity".
        """
        for form in to:
            if form not in FORMS:
                raise InputError(f"{form}: must be one of {', '.join(FORMS)}", field="to")
            if FORMS[form].traces and self.trace is None:
                raise InputError(f"{form} is made of the text that is traced, and none is", field="to")

        def fill(out: Path) -> None:
            (out / "counts.json").write_text(json.dumps(self.counts, indent=1, ensure_ascii=False), "utf-8")
            with (out / "predictions.tsv").open("w", encoding="utf-8") as file:
                file.writelines(TSV.lines(self.graph, [(self.result, self.texts)]))
            if self.result.spikes is not None:
                lengths = np.array(self._lengths)
                # A layer may have the name "lengths".
                trains = {"spikes/lengths" if n == "lengths" else n: t for n, t in self.result.spikes.items()}
                write_npz(out / "spikes.npz", {"lengths": lengths, **trains})
            if self.trace is not None:
                self.trace.write(out / traces.FILE)
            for form in to:
                FORMS[form].write(self, out)

        write_folder_atomically(Path(folder), RUN, fill)
        self.folder = Path(folder)


def simulate(
    graph: Graph,
    sentences: Sequence[Tokens],
    backend: str = "fast",
    granularity: str = "block",
    record: bool = False,
    progress: Callable[[int], object] | None = None,
    counting: Counting = "all",
) -> SimulationResult:
    """Run an exported graph on token ids, on the fast simulator or on Lava's runtime, which counts in any case."""
    if backend == "fast":
        from simulate.fast import FastSimulator

        return FastSimulator(graph).run(sentences, record=record, progress=progress, counting=counting)
    from simulate import lava

    return lava.run(graph, sentences, granularity=granularity, record=record, progress=progress)


def run_texts(
    graph: Graph,
    model: ModelFile,
    texts: Texts,
    backend: str = "fast",
    granularity: str = "block",
    spikes: bool = False,
    trace: int = 0,
    truncate: bool = False,
    workers: int | str | None = None,
    dask: str | None = None,
    command: str = "",
    shards: Shards | None = None,
    metric: str | None = None,
    counting: Counting = "all",
) -> Run:
    """Run texts; a bar shows the progress where standard error is a terminal.

    Args:
        backend: "fast" (NumPy) or "lava" (Lava's runtime on this computer): equal in every spike.
        granularity: of Lava: one process a transformer "block", one a node ("layer"), or Lava's own ("stock").
        spikes: whether to record all of them.
        trace: the text, from 1, that is seen closely; 0: none.
        truncate: cut texts that are longer than the model takes.
        workers: share the texts among so many processes, or "auto": one a core.
        dask: share them among the workers of a Dask cluster, by the address of its scheduler.
        shards: where workers' finished shards are kept, see `simulate.shards`.
        metric: what the predictions are measured by, "accuracy", "f1:LABEL", …; that of the model's task where None.
        counting: "none" where predictions alone are wanted, "layers" where the spikes of each layer are, too: the fast
            simulator here then leaves out the rest. What is asked for later is counted by a second run.
    Raises:
        InputError: a text or a label that the model cannot take, or an argument that cannot be.
        RunError: Lava failed.
    """
    require_choice(BACKENDS, backend=backend)
    require_choice(GRANULARITIES, granularity=granularity)
    texts, sentences, measured = prepared(graph, texts, truncate, metric)
    if not 0 <= trace <= len(sentences):
        raise InputError(f"{trace}: the texts are numbered from 1 to {len(sentences)}", field="trace")
    traced = traces.trace(graph, sentences[trace - 1], trace) if trace else None
    if shards:
        shards.begin(model.sha256, sentences, (backend, granularity, spikes, margin_of(graph)))
    with (
        _simulator(workers, dask, shards, counting) as run,
        Bar(total=len(sentences), unit="text", disable=None, leave=False) as bar,
    ):
        result = run(graph, sentences, backend, granularity, spikes, bar.update)
    name = backend if backend == "fast" else f"lava-{granularity}"
    return Run(graph, model, texts, sentences, result, name, command, traced, measured)


def predict(
    graph: Graph, texts: Texts, truncate: bool = False, metric: str | None = None, together: int = TOGETHER
) -> Iterator[tuple[SimulationResult, Texts]]:
    """Predictions alone, on the fast simulator, as they come: of some texts after the other, in their order.

    All texts are checked before the first is run. What then grows with their number is the texts and their tokens.

    Args:
        together: tokens of texts that are run together, and sorted by their length.
    Raises:
        InputError: as `run_texts` does.
    """
    texts, sentences, _ = prepared(graph, texts, truncate, metric)
    return _parts(graph, texts, sentences, together)


def _parts(
    graph: Graph, texts: Texts, sentences: list[Tokens], together: int
) -> Iterator[tuple[SimulationResult, Texts]]:
    from simulate.fast import FastSimulator

    simulator = FastSimulator(graph)
    hidden = True if sys.stdout.isatty() else None  # there the lines show how far it is
    with Bar(total=len(sentences), unit="text", disable=hidden, leave=False) as bar:
        for group in batches(sentences, together):
            part = slice(group[0], group[-1] + 1)
            result = simulator.run(sentences[part], progress=bar.update, counting="none")
            yield result, Texts(texts.source, texts.texts[part], texts.labels and texts.labels[part])


@contextmanager
def _simulator(
    workers: int | str | None, dask: str | None, shards: Shards | None, counting: Counting
) -> Iterator[Callable[..., SimulationResult]]:
    """What runs the sentences: here, or on workers."""
    if dask is None and workers is None:
        yield partial(simulate, counting=counting)
        return
    from simulate import serve

    with serve.cluster(dask) if dask is not None else serve.cores(serve.worker_count(workers)) as client:
        yield partial(serve.simulate, client, shards=shards)
