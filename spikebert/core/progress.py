"""Progress bars that leave the processes of the program that draws them alone."""

from threading import RLock

from tqdm import tqdm


class Bar(tqdm):
    """tqdm's bar, for one process.

    tqdm's own lock also orders bars of several processes. Making that one fixes how Python starts processes, for the
    whole program and for good: Lava, and any other library that chooses it on import, then fails with "context has
    already been set".
    """

    _lock = RLock()
