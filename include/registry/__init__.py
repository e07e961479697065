"""
Everything that is said to MLflow, and nobody else says it.

`Registry` (versions and aliases) speaks MLflow's REST API over ``requests``: the service polls it
and would pay 140 MB and more than a second per process for the ``mlflow`` package. `runs.Runs`
(training runs, models) and `suggester` (the model as ``mlflow models serve`` loads it) import it.
"""

from include.registry.folder import folder_sha256
from include.registry.versions import ModelVersion, Registry

__all__ = ["ModelVersion", "Registry", "folder_sha256"]
