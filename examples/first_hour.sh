#!/bin/sh
# A hardware team's first hour with a bundle, in two minutes: check it, run it, compare a machine that has a fault.
#   sh examples/first_hour.sh [FOLDER]      (FOLDER, default demo, gets what is made)
set -eu
here=$(dirname "$0")
out=${1:-demo}
mkdir -p "$out"

. "$(dirname "$0")/step.sh"

# What you would receive:
step spikebert-deploy bundle "$here/tweets/model.nir" --data tweets --truncate --golden 4 --licence "Apache 2.0" -o "$out/bundle"

# It arrived whole, and this computer computes what it says:
(cd "$out/bundle" && sha256sum --quiet --check SHA256SUMS)
step spikebert-deploy verify "$out/bundle"
step spikebert-simulate "$out/bundle/model.nir" --text "what a lovely morning" --backend lava

# The same in C, the seed of a firmware or a test bench:
step cc -std=c99 -O2 -o "$out/reference" "$here/c_reference/reference.c"
step "$out/reference" "$out/bundle/reference/model.bin" "$out/bundle/reference/golden.bin"

# Traces of your machine, in any subset of layers. This one fires a step late in the second block's MLP:
python - "$out" <<'PYTHON'
import sys

import numpy as np

folder = sys.argv[1]
golden = np.load(f"{folder}/bundle/golden.npz")
spikes = np.unpackbits(golden["spikes/blocks.1.mlp.up.lif"], axis=-1, count=1536)  # (T, M, D)
late = np.concatenate([np.zeros_like(spikes[:1]), spikes[:-1]])
np.savez_compressed(f"{folder}/theirs.npz", **{"blocks.1.mlp.up.lif": late})
PYTHON
printf '\n$ spikebert-deploy verify %s --theirs %s\n' "$out/bundle" "$out/theirs.npz"
if spikebert-deploy verify "$out/bundle" --no-lava --theirs "$out/theirs.npz"; then exit 1; else test $? -eq 1; fi
