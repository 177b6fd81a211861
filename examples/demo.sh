#!/bin/sh
# The main job on a shipped model and sixty sentences: pictures, exports, Lava, report. Run it through `make demo`.
set -eu
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
model=examples/sst2/model.nir data=examples/sst2/films.tsv
mkdir -p demo

. "$(dirname "$0")/step.sh"

step spikebert-export $model --to nir-stages -o demo/stages --draw demo/network.svg
step spikebert-simulate $model --text "a warm and funny film" --text "two hours that i want back"
step spikebert-simulate verify $model --data $data --limit 20
step spikebert-simulate $model --data $data --backend lava --out demo/run
step spikebert-deploy map $model --counts demo/run -o demo/map
step spikebert-report demo/run --mapping demo/map -o demo/report.html -o demo/report.md -o demo/report.json
printf '\nThe report: %s\n' "$(pwd)/demo/report.html"
