"""What a user would run instead: the teacher as int8 ONNX on ONNX Runtime, on the same texts, cores and batches.

    python benchmarks/against_teacher.py examples/sst2/model.nir --teacher runs/teacher/model --data dev.tsv.gz

The teacher is quantised by ONNX Runtime's `quantize_dynamic`, the usual way for a transformer on a processor. Both
begin with token ids: tokenising takes the same time for either. Beside them stands the model itself as one ONNX graph.
They are run in turns; the least time of each is taken.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from turns import least

from export.formats import onnx_integer
from export.ir import nir
from export.ir.graph import Graph
from simulate.batches import by_length
from simulate.fast import ROWS, FastSimulator
from simulate.text import encode_labelled, read_data
from spikebert.data.columns import Columns
from spikebert.training import teacher as teachers


class Session:
    """A network that ONNX Runtime answers texts with, as a whole."""

    def __init__(self, file: Path, names: tuple[str, str], cores: int):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores
        self.ids, self.mask = names
        self.session = onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])

    def run(self, sentences: list[np.ndarray]) -> np.ndarray:
        """(B,) the classes, from batches of texts of about one length."""
        found = np.empty(len(sentences), np.int64)
        for group in by_length(sentences, ROWS):
            longest = max(len(sentences[i]) for i in group)
            ids, mask = (np.zeros((len(group), longest), np.int64) for _ in range(2))
            for row, i in enumerate(group):
                ids[row, : len(sentences[i])] = sentences[i]
                mask[row, : len(sentences[i])] = 1
            (logits, *_) = self.session.run(None, {self.ids: ids, self.mask: mask})
            found[group] = np.asarray(logits).argmax(1)
        return found


class _Logits(torch.nn.Module):
    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, ids, mask):
        return self.model(input_ids=ids, attention_mask=mask).logits


def int8_teacher(model: torch.nn.Module, folder: Path, cores: int) -> Session:
    """A BERT classifier in 8 bits."""
    ids = torch.ones(2, 8, dtype=torch.int64)
    axes = {0: "B", 1: "N"}
    torch.onnx.export(
        _Logits(model).eval(),
        (ids, ids),
        str(folder / "float.onnx"),
        input_names=["ids", "mask"],
        output_names=["logits"],
        dynamic_axes={"ids": axes, "mask": axes, "logits": {0: "B"}},
        opset_version=17,
    )
    quantize_dynamic(folder / "float.onnx", folder / "int8.onnx", weight_type=QuantType.QInt8)
    return Session(folder / "int8.onnx", ("ids", "mask"), cores)


def own_integers(graph: Graph, folder: Path, cores: int) -> Session:
    """The same model as ONNX (`--to onnx-integer`): the whole graph as one session."""
    onnx_integer.write(graph, folder / "integer.onnx")
    return Session(folder / "integer.onnx", ("input_ids", "attention_mask"), cores)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=Path)
    p.add_argument("--teacher", type=Path, required=True)
    p.add_argument("--data", required=True)
    p.add_argument("--repeat", type=int, default=5)
    options = p.parse_args()
    graph = nir.read(options.model)
    texts = read_data(options.data, Columns(), None)
    sentences, measure = encode_labelled(graph, texts, truncate=True)
    classes = list(json.loads((options.teacher / "config.json").read_text("utf-8"))["id2label"].values())
    model, tokenizer, _ = teachers.load(options.teacher, classes)  # in the order of the model's labels
    own = [np.asarray(ids) for ids in tokenizer(texts.texts, truncation=True, max_length=graph.max_tokens)["input_ids"]]
    simulator = FastSimulator(graph)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        teacher = int8_teacher(model, Path(folder), simulator.cores)
        whole = own_integers(graph, Path(folder), simulator.cores)
        plain, counted, other, session = least(
            options.repeat,
            lambda: simulator.run(sentences, counting="none"),
            lambda: simulator.run(sentences),
            lambda: teacher.run(own),
            lambda: whole.run(sentences),
        )
        assert np.array_equal(whole.run(sentences), simulator.run(sentences).predictions)
        answers = simulator.run(sentences).predictions, teacher.run(own)
        right = [float((found == measure.true).mean()) for found in answers]
    n = len(sentences)
    print(f"{n} texts, {simulator.cores} cores, in texts a second:")
    print(f"  fast simulator {n / plain:.0f} ({n / counted:.0f} with all counts), accuracy {right[0]:.4f}")
    print(f"  teacher, int8 on ONNX Runtime {n / other:.0f}, accuracy {right[1]:.4f}")
    print(f"  {other / plain:.2f} times as many ({other / counted:.2f} with all counts)")
    print(f"  the model itself as one ONNX graph (onnx-integer) {n / session:.0f}, the same predictions")


if __name__ == "__main__":
    main()
