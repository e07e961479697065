"""
The only package that talks to MLflow.

`Registry` (versions and aliases) calls MLflow's REST API through ``requests``: importing ``mlflow``
would cost the service, which polls the registry, 140 MB and more than a second per process.
`runs.Runs` (training runs, logged models) and `pyfunc_model` (the model as ``mlflow models serve``
loads it) import it.
"""

from include.registry.folder import folder_sha256
from include.registry.versions import ModelVersion, Registry

__all__ = ["ModelVersion", "Registry", "folder_sha256"]
