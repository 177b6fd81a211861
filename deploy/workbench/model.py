"""An exported model in Python: predict, simulate, verify, map, export, bundle. No torch."""

from __future__ import annotations

import os
from collections import abc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from export.formats.targets import TARGETS
from export.ir import nir
from export.ir.early_exit import with_margin
from export.ir.graph import Graph
from export.ir.thresholds import scale_thresholds
from simulate.run import ModelFile, Run, run_texts
from simulate.scratch import scratch
from simulate.text import Texts, encode_labelled
from spikebert.core.errors import InputError
from spikebert.core.files import sha256
from spikebert.core.options import require_seed

if TYPE_CHECKING:
    from deploy.chips.mapping import Mapping
    from deploy.workbench.inspection.description import Description
    from simulate.ablate import Ablation
    from simulate.sweep import Point
    from simulate.verification import Verification

NO_PROBABILITY = "the model predicts a number, which has no probability; take predict"
SOURCE = "texts"  # how messages and records call texts that came from Python
UNSAVED = "model.nir"  # how a record calls a model that is in no file


class Model:
    """The integers that a chip computes, with tokenizer and labels. The same on every simulator, in every spike.

    A text of a model of sentence pairs is two with a TAB between them.

    Attributes:
        graph: the integer graph.
        file: where it was read from or saved to; None for one that is in memory alone.
    """

    def __init__(self, graph: Graph, file: Path | None = None):
        self.graph, self.file = graph, file
        if file is not None:
            self.source = ModelFile.of(file)  # at once: later the file may be another's

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Model:
        """The model in a file that `save`, or spikebert-export, wrote.

        Raises:
            InputError: no such file, or one that is damaged, of a newer version or not an exported SpikeBERT.
        """
        return cls(nir.read(path), Path(path))

    def __repr__(self) -> str:
        predicted = ", ".join(self.labels) or "predicts a number"
        return f"Model({predicted}; T = {self.time_steps}, up to {self.max_tokens} tokens)"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the logits; none of a model that predicts a number."""
        return self.graph.labels

    @property
    def time_steps(self) -> int:
        """T."""
        return self.graph.time_steps

    @property
    def max_tokens(self) -> int:
        """The longest text, in tokens."""
        return self.graph.max_tokens

    @cached_property
    def source(self) -> ModelFile:
        """The name of its file and the SHA-256 of the bytes that are, or would be, in it."""
        with self._written() as path:
            return ModelFile(path.name, sha256(path))

    @contextmanager
    def _written(self) -> Iterator[Path]:
        """Its file; or one for the time being where it has none, or where that was changed or removed since."""
        if self.file is not None and self.file.is_file() and sha256(self.file) == self.source.sha256:
            yield self.file
            return
        with scratch() as folder:
            nir.write(self.graph, folder / UNSAVED)
            yield folder / UNSAVED

    def inspect(self) -> Description:
        """What it is, layer by layer, and what each target would refuse; `print` it."""
        from deploy.workbench.inspection.graph import describe_file

        with self._written() as path:
            return describe_file(path)

    def predict(self, texts: Sequence[str], truncate: bool = False) -> list[Any]:
        """The label of each text; of a model that predicts a number, that number as a float.

        Args:
            texts: for a model of sentence pairs each holds both sentences, with a TAB between them.
            truncate: cut texts that are longer than `max_tokens`, instead of refusing them.
        Raises:
            InputError: names the text that is empty, too long or no text.
        """
        given = listed(texts)
        return self._classified(given, truncate).predictions if given else []

    def predict_proba(self, texts: Sequence[str], truncate: bool = False) -> NDArray[np.float64]:
        """(B, labels) float64: the softmax of the integer logits by their known scale, within quantisation the float
        model's. Raises as `predict`, and where the model predicts a number.
        """
        if self.graph.regression:
            raise InputError(NO_PROBABILITY)
        given = listed(texts)
        return self._classified(given, truncate).probabilities if given else np.empty((0, len(self.labels)))

    def _classified(self, texts: Sequence[str], truncate: bool) -> Run:
        return run_texts(self.graph, self.source, _texts(texts, None), truncate=truncate, counting="none")

    def simulate(
        self,
        texts: Sequence[str],
        labels: Sequence[str] | None = None,
        backend: str = "fast",
        granularity: str = "block",
        spikes: bool = False,
        trace: int = 0,
        truncate: bool = False,
        workers: int | str | None = None,
        dask: str | None = None,
        metric: str | None = None,
    ) -> Run:
        """Run texts and count their spikes.

        Args:
            labels: the true label of each text, for the accuracy.
            backend: "fast" (NumPy) or "lava" (Lava's CPU runtime; Python 3.10 with the extra `lava`).
            granularity: of Lava: one process a transformer "block", one a "layer", or Lava's own ("stock").
            spikes: whether to record all of them, for `Run.save`. `Run.spikes` is there in any case.
            trace: the text, from 1, that a report shows closely; 0: none.
            truncate: cut texts that are longer than `max_tokens`.
            workers, dask: share the texts among processes, or a Dask cluster, as docs/cli.md tells.
            metric: what `Run.score` is: "accuracy", "f1", "f1:LABEL", "matthews", "pearson" or "spearman"; that of the
                model's task where None.
        Raises:
            InputError: a text or a label that the model does not take, or an argument that cannot be.
            RunError: Lava failed.
        """
        options: dict[str, Any] = {"spikes": spikes, "trace": trace, "truncate": truncate}
        given = _texts(texts, labels)
        options |= {"workers": workers, "dask": dask, "metric": metric}
        return run_texts(self.graph, self.source, given, backend, granularity, **options)

    def verify(
        self,
        texts: Sequence[str],
        labels: Sequence[str] | None = None,
        granularities: Sequence[str] | None = None,
        against: str | os.PathLike[str] | None = None,
        truncate: bool = False,
    ) -> Verification:
        """Run every simulator on the same texts and compare each spike; `equal` of what comes back is the verdict.

        Where Lava is not installed it is left out, which the result says.

        Args:
            granularities: of Lava; all that can hold the model where None, and none where empty.
            against: the model.pt that was exported (needs torch): adds the float model to the comparison.
        """
        from simulate.verification import verify

        return verify(self.graph, _texts(texts, labels), granularities, against, truncate)

    def sweep(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        factors: Sequence[float],
        margins: Sequence[float] = (),
        truncate: bool = False,
        metric: str | None = None,
    ) -> list[Point]:
        """What the task's score costs: a point for each factor of the thresholds, with all steps and with each margin.

        Choose on texts that are not those you report on; `with_thresholds_scaled` and `with_exit_margin` make the
        choice.

        Args:
            labels: the true label of each text.
            factors: of all thresholds; 1.0 leaves them.
            margins: between the best two logits, in the float model's, at which a text is done early; none where the
                model predicts a number.
            metric: as for `simulate`.
        Raises:
            InputError: a text or a label that the model does not take, or a factor or margin that cannot be.
        """
        from simulate.sweep import sweep

        sentences, measure = encode_labelled(self.graph, _texts(texts, labels), truncate, metric)
        return sweep(self.graph, sentences, measure, factors, margins)

    def ablate(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        seed: int = 0,
        truncate: bool = False,
        metric: str | None = None,
    ) -> Ablation:
        """What each part is worth: the score with it silenced, made constant or permuted; `print` the table.

        Args:
            labels: the true label of each text.
            seed: of the permutations.
            metric: as for `simulate`.
        Raises:
            InputError: a text or a label that the model does not take.
        """
        from simulate.ablate import ablate

        require_seed(seed)
        return ablate(self.graph, *encode_labelled(self.graph, _texts(texts, labels), truncate, metric), seed)

    def map(
        self,
        chip: str | os.PathLike[str] = "loihi2",
        run: Run | None = None,
        system: str | int | None = None,
        strategy: str = "auto",
        tokens: int | None = None,
        objective: str = "cores",
    ) -> Mapping:
        """Place it on the cores of a chip; `save(folder)` of what comes back writes the pages.

        Args:
            chip: the name of a known chip, a file of `deploy/chips/`, or a .yaml file of your own.
            run: a run of this model, whose spikes are the traffic; without one every neuron fires in every step.
            system: a known system or a number of chips; the smallest known that holds it where None.
            strategy: "unrolled", "token-serial" or "auto".
            tokens: the longest text, where it shall be shorter than the model's.
            objective: "cores" for as few as memory allows, "latency" or "energy" for more cores where the time goes.
        Raises:
            InputError: it does not fit; names the layer, the limit and the nearest change.
        """
        from deploy.chips.mapping import map_model

        record, chips = None if run is None else run.record, None if system is None else str(system)
        return map_model(self.graph, self.source.sha256, os.fspath(chip), chips, strategy, record, tokens, objective)

    def export(self, target: str, path: str | os.PathLike[str]) -> None:
        """Write it in another form.

        Args:
            target: "nir", "nir-stages", "netx", "onnx-integer" or "lava"; docs/cli.md tells what each is.
            path: the file or folder to write, which appears whole or not at all.
        Raises:
            InputError: a target that is not known, or that cannot hold the model; names the layer.
        """
        forms = {name: form for name, form in TARGETS.items() if not form.floats}
        if target not in forms:
            known = ", ".join(forms)
            raise InputError(f"{target}: must be one of {known}; the float model exports to onnx", field="target")
        forms[target].require(path, "")
        forms[target].write(self.graph, path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `model.nir`, the one self-contained file; docs: export/NIR.md."""
        nir.write(self.graph, path)
        self.file = Path(path)
        self.source = ModelFile.of(self.file)

    def bundle(
        self,
        texts: Sequence[str],
        out: str | os.PathLike[str],
        labels: Sequence[str] | None = None,
        chip: str = "loihi2",
        licence: str | None = None,
        extras: Sequence[str | os.PathLike[str]] = (),
        truncate: bool = False,
        nirdata: bool = False,
    ) -> None:
        """Write the folder that a hardware team receives, with golden vectors of all texts; docs/bundle.md tells of it.

        Args:
            chip: to map to.
            licence: of the model, for its receiver; None: what the model's file notes.
            extras: files and folders to put in as they are.
            nirdata: put in the golden vectors as NIRData, too.
        """
        from deploy.bundle.bundle import write

        more, golden = [Path(extra) for extra in extras], _texts(texts, labels)
        with self._written() as path:
            write(path, golden, Path(out), chip, licence, more, truncate, nirdata)

    def with_exit_margin(self, margin: float | None) -> Model:
        """One whose texts are done once a label is ahead by `margin`, in the float model's logits; None: never."""
        return Model(with_margin(self.graph, "never" if margin is None else str(margin)))

    def with_thresholds_scaled(self, factor: float) -> Model:
        """One whose thresholds are `factor` times as high: fewer spikes, at a cost in accuracy."""
        return Model(scale_thresholds(self.graph, factor))


def listed(texts: Any, field: str = "texts") -> list[str]:
    """The texts of a list, a tuple, an array or a column of a table; an InputError for anything else: one text alone, a
    generator, or a set, whose order nobody knows."""
    known = isinstance(texts, abc.Collection) and not isinstance(texts, (str, bytes, abc.Set, abc.Mapping))
    if not known or getattr(texts, "shape", None) == () or not all(isinstance(text, str) for text in texts):
        pairs = known and any(isinstance(text, (list, tuple)) for text in texts)
        hint = "; a pair is one text, with a TAB between the two" if pairs else ""
        raise InputError(f"must be a list of texts{hint}", field=field)
    return list(texts)


def _texts(texts: Sequence[str], labels: Sequence[str] | None) -> Texts:
    """What came from Python, looked at as what comes from files is."""
    given, known = listed(texts), None if labels is None else listed(labels, "labels")
    if not given:
        raise InputError("is empty; give one text or more", field="texts")
    if known is not None and len(known) != len(given):
        raise InputError(f"must be {len(given)} texts, one for each text", field="labels")
    return Texts(SOURCE, given, known)
