"""Lava processes of the integer graph, and nothing else: Lava's compiler executes every file beside a Process.

It does so outside the import system, where a dataclass cannot be made.
"""

import multiprocessing

# Lava settles that processes are forked, as it is imported, and fails where another library has: scikit-learn by fitting.
if multiprocessing.get_start_method(allow_none=True) == "fork":
    multiprocessing.set_start_method(None, force=True)  # type: ignore[arg-type]
