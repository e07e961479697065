"""What the scheduler imports before it forks its tasks' processes."""

import subprocess
import sys

SCRIPT = """
import importlib, threading
from include.local_stack.scheduler import LIBRARIES
for library in LIBRARIES:
    importlib.import_module(library)
print(threading.active_count())
"""


def test_no_library_starts_a_thread_which_would_not_survive_the_fork() -> None:
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True
    )

    assert found.stdout.split()[-1] == "1"
