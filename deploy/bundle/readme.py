"""The README.md of a bundle, made for the model that is in it."""

from __future__ import annotations

from importlib.resources import files

from deploy.bundle.manifest import Manifest
from export.ir.early_exit import margin_of
from export.ir.graph import NO_MARGIN, Graph, LayerNorm, Linear
from export.ir.nir import pairs

FORMS = {
    "nir-stages": "| `stages/` | stock NIR of every linear chain, with what the host does between them |\n",
    "netx": "| `netx/` | lava-dl HDF5 networks of the same chains |\n",
    "onnx-integer": "| `model-int.onnx` | the integer model in standard ONNX operators |\n",
}
NIRDATA = "| `golden.h5` | the spikes, membranes and logits of `golden.npz` as NIRData, for `nir.read_data` |\n"
STEPS = "| `steps` | int64 (B,) | steps that each text takes until its early exit; what is of later steps is 0 |\n"
OWN_TEXT = '--text "your own text"'
OWN_PAIR = '--text "a text" --text-pair "its second"'
MAPPING = (
    "| `mapping/`, `chip.yaml` | the model on the cores of {chip}: `mapping.md`, `mapping.json`, `floorplan.svg`; "
    "what is known of the chip, and from where |\n"
)


def text(graph: Graph, manifest: Manifest, nirdata: bool = False) -> str:
    most = f"{graph.max_tokens} tokens"
    takes = f"pairs of texts of up to {most} together" if pairs(graph) else f"texts of up to {most}"
    leaves_early = margin_of(graph) != NO_MARGIN
    norm = "integer layer norms" if any(isinstance(n, LayerNorm) for n in graph) else "no norms left (they are folded)"
    synapses = sum(n.weight.size for n in graph if isinstance(n, Linear))
    neurons = sum(n.size for n in graph.neurons)
    what = (
        f"{synapses:,} synapses of {max(n.bits for n in graph if isinstance(n, Linear))} bits, {neurons:,} neurons a "
        f"token, T = {graph.time_steps}, {takes}, {norm}, {graph.neurons[0].reset} reset"
        f"{', early exit' if leaves_early else ''}."
    )
    template = (files("deploy.bundle") / "bundle_readme.md").read_text("utf-8")
    return template.format(
        what=what,
        labels="Its one logit times `logit_scale` of `manifest.json` is the number that it predicts"
        if graph.regression
        else f"Labels: {', '.join(graph.labels)}",
        licence=manifest.licence,
        texts=manifest.golden.texts,
        nirdata=NIRDATA if nirdata else "",
        forms="".join(line for target, line in FORMS.items() if target not in manifest.left_out),
        mapping="" if "mapping" in manifest.left_out else MAPPING.format(chip=manifest.chip),
        own=OWN_PAIR if pairs(graph) else OWN_TEXT,
        steps=graph.time_steps,
        logits=graph.outputs,
        exit=STEPS if leaves_early else "",
        first=graph.neurons[0].name,
        layers="\n".join(_layer(graph, node) for node in graph.neurons),
    )


def _layer(graph: Graph, node) -> str:
    source = graph[node.inputs[0]]
    while isinstance(source, LayerNorm):
        source = graph[source.inputs[0]]
    weights = f"{source.weight.shape[1]} × {source.width}" if isinstance(source, Linear) else "–"
    low, high = int(node.threshold.min()), int(node.threshold.max())
    threshold = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return (
        f"| `{node.name}` | {node.size:,} | `{source.name}` | {weights} | {threshold} | {node.decay} | {node.reset} |"
    )
