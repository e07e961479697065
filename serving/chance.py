"""Random bytes for ids: from the kernel, many at a time, as each call costs more than its bytes."""

import os
from collections import deque
from typing import Final

_WIDTH: Final = 16
_AT_ONCE: Final = 4096

_ready: Final[deque[bytes]] = deque()
# A worker must never give out what another, or its parent, holds too.
os.register_at_fork(after_in_child=_ready.clear)


def random_bytes() -> bytes:
    """Return 16 random bytes that nobody else gets; safe from any thread."""
    try:
        return _ready.popleft()
    except IndexError:
        fresh = os.urandom(_AT_ONCE)
        _ready.extend(fresh[at : at + _WIDTH] for at in range(_WIDTH, _AT_ONCE, _WIDTH))
        return fresh[:_WIDTH]
