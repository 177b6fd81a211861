# The shipped model mapped to Loihi 2 and run in SANA-FE on three texts, at both ends of the chip's costs: make sanafe
set -eu
out=runs/sanafe
mkdir -p "$out"
spikebert-simulate examples/sst2/model.nir --data examples/sst2/films.tsv --limit 3 --spikes --out "$out/run" >&2
spikebert-deploy map examples/sst2/model.nir --counts "$out/run" --sanafe "$out/sanafe" -o "$out/map" >&2
.venv-sanafe/bin/python "$out/sanafe/run.py"
