"""The bundle: one folder from which a hardware team runs a model and proves that its chip computes the same.

Made of the exported file and some texts alone, the same bytes each time; docs/bundle.md tells what is in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from deploy.bundle import binary, readme, sums
from deploy.bundle.golden import Golden, compute, require_memory
from deploy.bundle.manifest import FILE as MANIFEST
from deploy.bundle.manifest import FORMAT, manifest_of
from deploy.chips import mapping
from deploy.chips.chip import Chip, chip_file, read_chip
from export.formats.targets import TARGETS
from export.ir import nir
from export.ir.graph import Graph
from export.ir.licence import licence_of
from simulate.run import ModelFile, Run, simulate
from simulate.text import Texts, encode, in_labels_of
from spikebert.core.errors import InputError, is_unicode, printable
from spikebert.core.files import Kind, names_format, sha256, write_folder_atomically
from spikebert.core.log import say

MODEL, TOKENIZER, GOLDEN, ENERGY = "model.nir", "tokenizer.json", "golden.npz", "energy"
CHIP, MAPPING = "chip.yaml", "mapping"
NIRDATA = "golden.h5"
REFERENCE_MODEL, REFERENCE_GOLDEN = "reference/model.bin", "reference/golden.bin"
# here: (from which package, which file of it)
PAGES = {"EQUATIONS.md": ("export", "NIR.md"), "reference/reference.c": ("deploy.bundle", "reference.c")}
LIMIT = 2**32  # bytes


@dataclass(frozen=True)
class Form:
    """Where an export format goes in a bundle, and the most that it takes there, but for some kB."""

    place: str
    for_arrays: int  # bytes for each byte of the arrays of the graph
    for_weights: int  # bytes for each weight, besides

    def most(self, graph: Graph) -> int:
        return self.for_arrays * array_bytes(graph) + self.for_weights * weights(graph)


FORMS = {  # target: its form
    "nir-stages": Form("stages", 0, 4),  # float32
    "netx": Form("netx", 1, 0),  # int8
    "onnx-integer": Form("model-int.onnx", 1, 0),  # int8
}


def _is_whole(manifest: Path) -> bool:
    """Whether it is that of a bundle of ours, of which nothing was changed, nor anything added."""
    try:
        return names_format(FORMAT)(manifest) and sums.check(manifest.parent) > 0
    except (InputError, OSError):
        return False


FOLDER = Kind(
    "a bundle of spikebert-deploy",
    (
        *(MANIFEST, MODEL, TOKENIZER, GOLDEN, NIRDATA, CHIP, "README.md", sums.FILE),
        *(*PAGES, REFERENCE_MODEL, REFERENCE_GOLDEN),
        *(f"{form.place}/*" if TARGETS[target].folder else form.place for target, form in FORMS.items()),
        *(f"{part}/*" for part in (ENERGY, MAPPING, "with")),
    ),
    _is_whole,
    listed=False,  # its SHA256SUMS is the list
)


def write(
    model: Path,
    texts: Texts,
    out: Path,
    chip: str = "loihi2",
    licence: str | None = None,
    extras: Sequence[Path] = (),
    truncate: bool = False,
    nirdata: bool = False,
) -> None:
    """Write the bundle of `model` with golden vectors of all `texts`; the folder appears whole or not at all.

    Args:
        chip: the one that the model is mapped to, by its name or its file.
        licence: of the model, for its receiver; None: what the model's file notes.
        extras: files and folders to put in as they are, such as another mapping.
        nirdata: put in the golden vectors as NIRData, too.
    Raises:
        InputError: for texts that the model cannot take, an extra that is not there, or a bundle beyond LIMIT.
    """
    if licence is not None and not is_unicode(licence):
        raise InputError("is not UTF-8", field="licence")
    graph, target = nir.read(model), read_chip(chip)
    licence = licence_of(graph) if licence is None else licence
    texts = in_labels_of(graph, texts)
    sentences = encode(graph, texts.texts, f"{texts.source}: text", truncate)
    names = [extra.resolve().name for extra in extras]
    for extra, name in zip(extras, names, strict=True):
        _require_plain(extra)
        if out.resolve().is_relative_to(extra.resolve()):
            raise InputError(f"{extra}: would hold the bundle that it is put into, {out}; choose another folder")
        if names.count(name) > 1:
            raise InputError(f"{extra}: another one is called {name}, too; rename one of them")
    size = estimate(graph, sum(map(len, sentences)), target, nirdata)
    say(f"{out}: {len(sentences)} golden texts, {sum(map(len, sentences))} tokens; at most {size / 1e6:,.0f} MB")
    if size > LIMIT:
        raise InputError(f"{out}: could take {size:,} bytes, beyond {LIMIT:,}; give fewer golden texts")
    require_memory(graph, sum(map(len, sentences)), out)

    def fill(folder: Path) -> None:
        shutil.copyfile(model, folder / MODEL)
        (folder / TOKENIZER).write_text(graph.tokenizer, "utf-8")
        golden = compute(graph, sentences)
        golden.write(folder / GOLDEN)
        if nirdata:
            (folder / NIRDATA).write_bytes(nirdata_of(graph, golden))
        (folder / REFERENCE_MODEL).parent.mkdir()
        (folder / REFERENCE_MODEL).write_bytes(binary.model_bytes(graph))
        (folder / REFERENCE_GOLDEN).write_bytes(binary.golden_bytes(graph, golden))
        for name, (package, page) in PAGES.items():
            (folder / name).write_bytes((files(package) / page).read_bytes())
        left_out = _other_forms(graph, folder)
        run = _energy(graph, ModelFile(MODEL, sha256(folder / MODEL)), texts, golden, folder)
        shutil.copyfile(chip_file(chip), folder / CHIP)
        left_out |= _map(run, chip, folder)
        _report(folder, MAPPING not in left_out)
        for extra, name in zip(extras, names, strict=True):
            _include(extra, folder / "with" / name)
        manifest = manifest_of(graph, golden, licence, target.name, left_out)
        (folder / MANIFEST).write_text(manifest.text, "utf-8")
        (folder / "README.md").write_text(readme.text(graph, manifest, nirdata), "utf-8")
        sums.write(folder)

    write_folder_atomically(out, FOLDER, fill)


def estimate(graph: Graph, tokens: int, chip: Chip, nirdata: bool = False) -> int:
    """An upper bound of the bundle's bytes, known before anything is run; without extras."""
    try:
        cores = sum(cut.count for cut in mapping.choose(graph, chip, None, mapping.AUTO, graph.max_tokens)[2])
    except InputError:
        cores = 0  # it will be left out
    spikes = sum(-(-node.size // 8) for node in graph.neurons) * graph.time_steps * tokens
    model = 2 * array_bytes(graph)  # the file, and its plain form
    forms = sum(form.most(graph) for form in FORMS.values())
    # Golden spikes twice, membranes of 8 neurons.
    membranes = 32 * len(graph.neurons) * graph.time_steps * tokens
    # As NIRData a byte each; of a membrane its neuron, time and value.
    more = 8 * spikes + 6 * membranes if nirdata else 0
    return model + forms + 2 * spikes + membranes + more + 1024 * cores + 2**22


def array_bytes(graph: Graph) -> int:
    return sum(array.nbytes for node in graph for array in node.arrays.values())


def weights(graph: Graph) -> int:
    return sum(node.arrays["weight"].size for node in graph if "weight" in node.arrays)


def nirdata_of(graph: Graph, golden: Golden) -> bytes:
    """The golden vectors as `nir.read_data` reads them."""
    from simulate.interchange.nirdata import file_of

    lengths = golden.lengths.tolist()
    return file_of(graph, golden.spikes, lengths, golden.logits, golden.neurons, golden.membranes)


def _other_forms(graph: Graph, folder: Path) -> dict[str, str]:
    """Write what other tools read; gives {target: why it could not be}."""
    left_out = {}
    for target, form in FORMS.items():
        try:
            TARGETS[target].write(graph, folder / form.place)
        except InputError as error:
            left_out[target] = str(error)
    return left_out


def _energy(graph: Graph, model: ModelFile, texts: Texts, golden: Golden, folder: Path) -> Run:
    """The run of the golden texts, in its folder; times are no part of a reproducible bundle."""
    result = replace(simulate(graph, golden.sentences), seconds=0.0, startup_seconds=0.0)
    shown = Texts("golden texts", [f"text {i}" for i in range(len(golden.lengths))], texts.labels)
    run = Run(graph, model, shown, golden.sentences, result, command="spikebert-deploy bundle")
    run.save(folder / ENERGY)
    return run


def _map(run: Run, chip: str, folder: Path) -> dict[str, str]:
    """Place the model on the smallest system that holds it, with the spikes of the golden texts as its traffic."""
    try:
        mapping.map_model(run.graph, run.model.sha256, chip, run=run.record).save(folder / MAPPING)
    except InputError as error:
        return {MAPPING: str(error)}
    return {}


def _report(folder: Path, mapped: bool) -> None:
    """The report on the golden texts, with the mapping; its commands are those of a reader in the bundle."""
    from simulate.report.markdown import render
    from simulate.report.report import read_report

    report = read_report(folder / ENERGY, mapping=folder / MAPPING if mapped else None)
    here = replace(report.content, run=replace(report.content.run, folder=Path(ENERGY)))
    options = ("--mapping", MAPPING) if mapped else ()
    text = render(replace(report, content=here, options=options))
    (folder / ENERGY / "report.md").write_text(text, "utf-8")


def _require_plain(extra: Path) -> None:
    """An InputError unless it is a file, or a folder of nothing but files."""
    if not extra.exists():
        raise InputError(f"{extra}: no such file or folder")
    if not (extra.is_file() or extra.is_dir()):
        raise InputError(f"{extra}: is neither a file nor a folder")
    found = sums.plain_files(extra) if extra.is_dir() else [extra]
    if not found:
        raise InputError(f"{extra}: is an empty folder")
    for path in found:
        if not str(path).isprintable():
            raise InputError(f"{printable(str(path))!r}: {sums.FILE} cannot hold such a name; rename it")


def _include(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
