"""What a mapping can be asked for, by the names that the command line and a Python caller give."""

STRATEGIES = UNROLLED, TOKEN_SERIAL = "unrolled", "token-serial"
AUTO = "auto"  # on the smallest system that holds one of them: unrolled if that fits, for it takes fewer steps
OBJECTIVES = CORES, LATENCY, ENERGY = "cores", "latency", "energy"
