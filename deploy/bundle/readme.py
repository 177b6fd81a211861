"""The README.md of a bundle, made for the model that is in it."""

from __future__ import annotations

from importlib.resources import files

from deploy.bundle.manifest import Manifest
from export.ir.graph import Graph, LayerNorm, Linear

FORMS = {
    "nir-stages": "| `stages/` | stock NIR of every linear chain, with what the host does between them |\n",
    "netx": "| `netx/` | lava-dl HDF5 networks of the same chains |\n",
    "onnx-integer": "| `model-int.onnx` | the integer model in standard ONNX operators |\n",
}
NIRDATA = "| `golden.h5` | the spikes, membranes and logits of `golden.npz` as NIRData, for `nir.read_data` |\n"
MAPPING = (
    "| `mapping/`, `chip.yaml` | the model on the cores of {chip}: `mapping.md`, `mapping.json`, `floorplan.svg`; "
    "what is known of the chip, and from where |\n"
)


def text(graph: Graph, manifest: Manifest, nirdata: bool = False) -> str:
    norm = "integer layer norms" if any(isinstance(n, LayerNorm) for n in graph) else "no norms left (they are folded)"
    synapses = sum(n.weight.size for n in graph if isinstance(n, Linear))
    neurons = sum(n.size for n in graph.neurons)
    what = (
        f"{synapses:,} synapses of {max(n.bits for n in graph if isinstance(n, Linear))} bits, {neurons:,} neurons a "
        f"token, T = {graph.time_steps} steps, texts of up to {graph.max_tokens} tokens, {norm}, "
        f"{graph.neurons[0].reset} reset."
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
        steps=graph.time_steps,
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
