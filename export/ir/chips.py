"""The chips that a model is lowered for, by the names of the option `--chip` of spikebert-export."""

CHIPS = LOIHI2, LOIHI1 = "loihi2", "loihi1"
