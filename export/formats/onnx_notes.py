"""The metadata of an ONNX file, field by field: texts as they are, all else as JSON text.

`docs/onnx.md` has the tables of these fields, made from the docstrings.
"""

from __future__ import annotations

from dataclasses import dataclass

from spikebert.core.records import Size


@dataclass(frozen=True, kw_only=True)
class Notes:
    """What a file of either target notes.

    Attributes:
        format: "spikebert-onnx-float" or "spikebert-onnx-integer".
        format_version: of the file.
        time_steps: T.
        max_tokens: tokens of the longest text.
        labels: in the order of the logits; empty where the model predicts a number.
        tokenizer: the tokenizer, as the JSON text of the `tokenizers` library.
    """

    format: str
    format_version: Size
    time_steps: Size
    max_tokens: Size
    labels: list[str]
    tokenizer: str


@dataclass(frozen=True, kw_only=True)
class IntegerNotes(Notes):
    """What a file of the integer graph notes, too.

    Attributes:
        graph_checksum: SHA-256 over everything that decides what the graph computes.
        logit_scale: what a unit of the integer logits is worth.
    """

    graph_checksum: str
    logit_scale: float
