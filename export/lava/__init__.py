"""Lava processes of the integer graph, and nothing else: Lava's compiler executes every file beside a Process.

It does so outside the import system, where a dataclass cannot be made.
"""

import multiprocessing

# Lava settles, as it is imported, that processes are forked. It fails where a library has, as scikit-learn does.
if multiprocessing.get_start_method(allow_none=True) == "fork":
    multiprocessing.set_start_method(None, force=True)  # type: ignore[arg-type]
