#!/bin/sh
# Your own data, from a file of label<TAB>text lines to a report, without any BERT at hand: the teacher is trained, too.
#   sh examples/own_data.sh [FILE [FOLDER]]      (240 sentences about the weather, and demo/own-data, if none is given)
set -eu
here=$(dirname "$0")
data=${1:-$here/own_data/weather.tsv}
out=${2:-demo/own-data}
mkdir -p "$out"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false

. "$(dirname "$0")/step.sh"

# With a BERT of your language in a folder, leave this step out, and give that folder to --teacher.
step spikebert-train new-teacher --task "$data" --width 64 --vocabulary 400 --out "$out/bert"
step spikebert-train --task "$data" --teacher "$out/bert" --preset tiny --norm batch --reset zero --beta 0.75 --max-tokens 24 \
    --batch-size 16 --teacher-epochs 6 --teacher-learning-rate 1e-3 --stage1-epochs 0 --epochs 12 --learning-rate 2e-3 \
    --out "$out/run"
step spikebert-export "$out/run/model.pt" --to nir -o "$out/model.nir"
step spikebert-export "$out/model.nir" --to nir-stages -o "$out/stages"
step spikebert-export "$out/model.nir" --to netx -o "$out/netx"
# On the tenth that the training held out: most texts of the whole file are training texts.
step spikebert-simulate "$out/model.nir" --data "$out/run/data/dev.jsonl" --out "$out/sim"
step spikebert-report "$out/sim" -o "$out/report.html" -o "$out/report.md"
