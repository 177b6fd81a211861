#!/bin/sh
# From training on: a tiny SpikeBERT in minutes, the same way that the shipped one was made. Run it through `make demo-train`.
set -eu
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
mkdir -p demo

. "$(dirname "$0")/step.sh"

step spikebert-train --task tweets --teacher minilm --preset tiny --norm batch --reset zero --limit 3000 \
    --teacher-epochs 1 --stage1-epochs 1 --epochs 4 --learning-rate 1e-3 --out demo/train
step spikebert-export demo/train/model.pt --to nir -o demo/model.nir
step spikebert-simulate verify demo/model.nir --data tweets --truncate --limit 100 --against demo/train/model.pt
step spikebert-simulate demo/model.nir --data tweets --truncate --backend lava --out demo/train-run
step spikebert-report demo/train-run -o demo/train.html
