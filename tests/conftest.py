"""One thread for each library: the models of the tests are tiny, and threads that wait for one another take longer."""

import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
