"""A trained float model in Python: predict, export, save. All that it does takes torch; its name does not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deploy.workbench.model import NO_PROBABILITY, SOURCE, Model, listed
from export.formats.targets import TARGETS
from simulate.scratch import scratch
from simulate.text import tokens_of
from spikebert.core.errors import InputError, telling_what_to_install
from spikebert.core.files import require_folder_of
from spikebert.model import hub

if TYPE_CHECKING:
    from spikebert.model.checkpoint import TrainedModel

BATCH = 32


class Trained:
    """A SpikeBERT as it was trained, in floating point.

    Attributes:
        trained: the torch model (a transformers PreTrainedModel) with tokenizer, labels and the record of its training.
    """

    def __init__(self, trained: TrainedModel):
        self.trained = trained

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trained:
        """The model of a model.pt or of a model folder; nothing in it is executed.

        Raises:
            InputError: no such file, or one that is damaged or not of spikebert-train.
            ModuleNotFoundError: torch is not installed; says what installs it.
        """
        with telling_what_to_install():
            from spikebert.model.checkpoint import load_model

        return cls(load_model(Path(path)))

    def __repr__(self) -> str:
        config = self.trained.model.config
        predicted = ", ".join(self.labels) or "predicts a number"
        return f"Trained({predicted}; blocks: {config.num_hidden_layers}, width {config.hidden_size})"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the logits; none of a model that predicts a number."""
        return tuple(self.trained.labels)

    def predict(self, texts: Sequence[str], truncate: bool = True) -> list[Any]:
        """The label of each text, or the predicted number.

        Args:
            truncate: cut texts that are longer than the model takes, instead of refusing them.
        Raises:
            InputError: names the text that is empty, too long, no text, or holds nothing that the tokenizer knows.
        """
        logits = self._logits(texts, truncate)
        return [self.labels[i] for i in logits.argmax(1)] if self.labels else logits[:, 0].tolist()

    def predict_proba(self, texts: Sequence[str], truncate: bool = True) -> NDArray[np.float64]:
        """(B, labels) float64: the softmax of the logits. Raises as `predict`, or where a number is predicted."""
        if not self.labels:
            raise InputError(NO_PROBABILITY)
        from scipy.special import softmax

        return softmax(self._logits(texts, truncate), axis=1)

    def _logits(self, texts: Sequence[str], truncate: bool) -> NDArray[np.float64]:
        import torch

        from spikebert.training.loop import Batch, Example

        config, tokenizer = self.trained.model.config, self.trained.tokenizer
        pairs = config.separator is not None
        found = tokens_of(tokenizer, listed(texts), config.max_tokens, pairs, f"{SOURCE}: text", truncate)
        rows = [Example(tokens.tolist(), -1) for tokens in found]
        parts = [np.empty((0, config.num_labels))]
        with torch.inference_mode():
            for start in range(0, len(rows), BATCH):
                batch = Batch.of(rows[start : start + BATCH])
                parts.append(self.trained.model(batch.tokens, batch.mask).logits.double().numpy())
        return np.concatenate(parts)

    def export(self, bits: int = 8, per_channel: bool = False, chip: str = "loihi2") -> Model:
        """Lower it to integers.

        Args:
            bits: of the weights, 2 to 8.
            per_channel: give the weights of each output a power of two.
            chip: "loihi2", or "loihi1", which refuses what needs programmable neurons.
        Raises:
            InputError: names the layer that cannot be quantised.
        """
        from export.lower.pipeline import lower

        return Model(lower(self.trained, bits, per_channel, chip))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file model.pt, for a path that ends in .pt, or else a model folder in the manner of Hugging Face."""
        from spikebert.model.checkpoint import save_directory, save_model

        if Path(path).suffix == ".pt":
            require_folder_of(path, "")
            save_model(self.trained, Path(path))
        else:
            save_directory(self.trained, Path(path))

    def push_to_hub(self, name: str) -> None:
        """Push the model folder, with its card, to the Hugging Face hub as `owner/name`.

        Raises:
            InputError: no such name, a hub that is not reached, or one that does not know the user.
        """
        from spikebert.model.checkpoint import save_directory

        hub.require(name)
        with scratch() as folder:
            save_directory(self.trained, folder / "model")
            hub.push(folder / "model", name)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the float model in standard ONNX operators."""
        require_folder_of(path, "")
        TARGETS["onnx"].write(self.trained, path)
