"""What the exporter reads of the machine: file systems, memory, processor."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil

from include.monitoring.metrics import Samples


class HostSource:
    """
    The machine that the exporter runs on.

    Parameters
    ----------
    local_dir : Path
        Its file system is shown, besides that of temporary files.
    interval_s : float
        Seconds between readings.
    """

    name = "host"

    def __init__(self, local_dir: Path, interval_s: float) -> None:
        self.interval_s = interval_s
        self._places = {"local_dir": local_dir, "temporary": Path(tempfile.gettempdir())}

    def read(self) -> Samples:
        """Return the machine's state; a folder that does not exist is left out."""
        samples = Samples()
        for label, place in self._places.items():
            if place.exists():
                disk = psutil.disk_usage(str(place))
                samples.add("disk_free_bytes", disk.free, label)
                samples.add("disk_size_bytes", disk.total, label)
        memory = psutil.virtual_memory()
        samples.add("memory_available_bytes", memory.available)
        samples.add("memory_size_bytes", memory.total)
        samples.add("load1", os.getloadavg()[0])
        samples.add("cpus", os.cpu_count())
        times = psutil.cpu_times()
        for mode in ("user", "nice", "system", "idle", "iowait", "steal"):
            samples.add("cpu_seconds_total", getattr(times, mode, None), mode)
        return samples
