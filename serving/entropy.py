"""A pool of random bytes for ids: filled in bulk, as a system call costs more than its bytes."""

import os
from collections import deque
from typing import Final

_ID_BYTES: Final = 16
_POOL_BYTES: Final = 4096

_pool: Final[deque[bytes]] = deque()
# A forked worker must not share the pool of its parent, or ids would repeat.
os.register_at_fork(after_in_child=_pool.clear)


def random_bytes() -> bytes:
    """Return 16 random bytes, each returned once; safe from any thread."""
    try:
        return _pool.popleft()
    except IndexError:
        fresh = os.urandom(_POOL_BYTES)
        _pool.extend(fresh[at : at + _ID_BYTES] for at in range(_ID_BYTES, _POOL_BYTES, _ID_BYTES))
        return fresh[:_ID_BYTES]
