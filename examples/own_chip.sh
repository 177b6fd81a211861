#!/bin/sh
# Your own chip: describe it, see what does not fit, take the nearest change that would.
#   sh examples/own_chip.sh [FOLDER]
set -eu
here=$(dirname "$0")
out=${1:-demo}
mkdir -p "$out"

. "$(dirname "$0")/step.sh"

# The form for a description; own_chip/my-chip.yaml is such a file, filled in:
step spikebert-deploy chip -o "$out/new-chip.yaml"

# One such chip is too small, and the error says by what:
if step spikebert-deploy map "$here/tweets/model.nir" --chip "$here/own_chip/my-chip.yaml" --system 1 -o "$out/own-chip"
then exit 1; else test $? -eq 2; fi

# The first change that it proposes:
step spikebert-deploy map "$here/tweets/model.nir" --chip "$here/own_chip/my-chip.yaml" --system 2 -o "$out/own-chip"
sed -n '/^| of the/,/^$/p' "$out/own-chip/mapping.md"
