"""The functions of the Python API: load, train, pipeline."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from deploy.workbench.model import Model
from export.cli import is_hdf5
from export.ir import nir
from spikebert.core.errors import InputError, telling_what_to_install
from spikebert.data.rows import joined
from spikebert.model.hub import local
from spikebert.model.outputs import NUMBER

if TYPE_CHECKING:
    from deploy.workbench.trained import Trained


def load(path: str | os.PathLike[str]) -> Model | Trained:
    """A model of any kind: a Model of a model.nir or of a bundle, a Trained of a model.pt or a model folder,
    or of a model of the Hugging Face hub by its name, "owner/name".

    Raises:
        InputError: no such path, or no model of spikebert. A NIR file of another tool has no text to take:
            `spikebert.inspect` describes it, and `spikebert simulate other.nir --input spikes.npy` runs it.
    """
    path = local(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if (path / "model.nir").is_file():
        return Model.load(path / "model.nir")
    if is_hdf5(str(path)):
        if nir.is_foreign(path):
            raise InputError(
                f"{path}: a NIR file of another tool, which takes no text; spikebert.inspect describes it, and "
                "spikebert simulate FILE --input spikes.npy runs it"
            )
        return Model.load(path)
    from deploy.workbench.trained import Trained

    return Trained.load(path)


def train(task: str | os.PathLike[str], out: str | os.PathLike[str], **settings: Any) -> Trained:
    """Distil a SpikeBERT, as `spikebert train` does; a finished run is not repeated, and a killed one goes on.

    Args:
        task: a file of labelled texts, a folder, "tweets", or a data set of the Hugging Face hub.
        out: the folder of the run.
        settings: any option of `spikebert train` by its name in Python: preset="mini", norm="batch", reset="zero",
            epochs=3, teacher="minilm", …
    Raises:
        InputError: a setting that is not known or cannot be, or data that cannot be read for sure.
        ModuleNotFoundError: a package that it takes is not installed; says what installs it.
    """
    from spikebert.training.preparation import prepare
    from spikebert.training.settings import settings_of

    found = settings_of(task=os.fspath(task), out=os.fspath(out), **settings)
    if not found.epochs:
        raise InputError("0: trains no classifier; use the command for stage 1 alone", field="epochs")
    with telling_what_to_install():
        from spikebert.training.pipeline import distil
    prepared = prepare(found)
    from deploy.workbench.trained import Trained

    distil(found, prepared)
    return Trained.load(Path(out) / "model.pt")


One = str | Mapping[str, str]  # a text, or {"text": …, "text_pair": …}


class Pipeline:
    """Classifies texts as a `transformers.pipeline("text-classification")` does; `pipeline` makes one."""

    task = "text-classification"

    def __init__(self, model: Model | Trained):
        self.model = model

    def __repr__(self) -> str:
        return f"Pipeline({self.model})"

    @overload
    def __call__(self, texts: One, top_k: int | None = 1, truncation: bool = False) -> list[dict[str, Any]]: ...
    @overload
    def __call__(self, texts: Sequence[One], top_k: int | None = 1, truncation: bool = False) -> list[Any]: ...

    def __call__(
        self,
        texts: str | Mapping[str, str] | Sequence[str | Mapping[str, str]],
        top_k: int | None = 1,
        truncation: bool = False,
    ) -> list[Any]:
        """[{"label": …, "score": …}], an entry a text. Of a model that predicts a number the score is that number, and
        the label "LABEL_0", as transformers has it.

        Args:
            texts: one text, or several; of a pair {"text": …, "text_pair": …}, or both with a TAB between them.
            top_k: the best so many labels of each text, in a list a text where it is not 1; None: all.
            truncation: cut texts that are longer than the model takes, instead of refusing them.
        Raises:
            InputError: names the text that is empty, too long or no text.
        """
        if top_k is not None and (type(top_k) is not int or top_k < 1):
            raise InputError(f"{top_k!r}: must be at least 1, a whole number, or None for all", field="top_k")
        if not isinstance(truncation, bool):
            raise InputError(f"{truncation!r}: must be True or False", field="truncation")
        alone = isinstance(texts, (str, Mapping))
        given: Any = [texts] if alone else texts
        if isinstance(given, (list, tuple)):
            given = [_told(text) if isinstance(text, Mapping) else text for text in given]
        if not self.model.labels:
            rows = [{"label": NUMBER, "score": score} for score in self.model.predict(given, truncate=truncation)]
            return rows if alone or top_k == 1 else [[row] for row in rows]
        found = [self._ranked(scores, top_k) for scores in self.model.predict_proba(given, truncate=truncation)]
        if top_k == 1:
            return [best for (best,) in found]
        return found[0] if alone else found

    def _ranked(self, scores: Any, top_k: int | None) -> list[dict[str, Any]]:
        order = (-scores).argsort(kind="stable")[:top_k]
        return [{"label": self.model.labels[i], "score": float(scores[i])} for i in order]


def _told(text: Mapping[str, Any]) -> str:
    """The text of {"text": …}, or both of {"text": …, "text_pair": …} with a TAB between them."""
    parts = [text.get("text"), *([text["text_pair"]] if text.get("text_pair") is not None else [])]
    if not text.keys() <= {"text", "text_pair"} or not all(isinstance(part, str) for part in parts):
        raise InputError('must be texts, or dictionaries of a "text" and, for a pair, a "text_pair"', field="texts")
    return joined(parts)


def pipeline(model: str | os.PathLike[str] | Model | Trained) -> Pipeline:
    """A Pipeline of a model, or of the path of one as `load` takes it: `pipeline("model.nir")("a text")`."""
    found: Any = load(model) if isinstance(model, (str, os.PathLike)) else model
    if not hasattr(found, "predict_proba"):
        raise InputError("must be a model, or the path of one", field="model")
    return Pipeline(found)
