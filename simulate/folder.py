"""The folder of a run of `spikebert-simulate`, of a model of ours or of another tool's."""

from simulate.interchange.forms import FORMS
from spikebert.core.files import Kind, names_format

RUN = Kind(
    "a run of spikebert-simulate",
    (
        *("counts.json", "predictions.tsv", "spikes.npz", "trace.npz", "outputs.npz"),
        *(form.file for form in FORMS.values()),
    ),
    names_format("spikebert-counts", "spikebert-foreign-run"),
)
