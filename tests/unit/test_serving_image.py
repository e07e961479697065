"""The small image of the service: locked as the platform is, without Airflow and torch, and enough."""

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

from include.families import FAMILIES
from include.local_stack.layout import ROOT

PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
LOAD = """
import importlib, json, pkgutil, sys

absent, families = map(json.loads, sys.argv[1:])

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, Absent())
import include.candidates, include.registry, include.store, include.text, serving
modules = [
    module.name
    for package in (serving, include.registry, include.store, include.text)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
]
# The first runs when it is imported; the others make models, which the service does not
for name in set(modules) - {
    "serving.gunicorn_conf", "include.registry.packing", "include.registry.pyfunc_model"
}:
    importlib.import_module(name)
for name in families:
    importlib.import_module(f"include.candidates.{name}")
import mlflow.artifacts
print(len(modules))
"""


def pins(name: str) -> dict[str, str]:
    """Return the locked version of each distribution, by its normalised name."""
    found = PIN.findall((ROOT / name).read_text())
    return {normal(distribution): version for distribution, version in found}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_versions_are_those_of_the_platform():
    platform, serving = pins("requirements.txt"), pins("requirements-serving.txt")

    assert len(serving) > 40
    assert serving.items() <= platform.items()


def test_neither_airflow_nor_torch_nor_the_training_side_is_in_it():
    heavy = (
        "apache-airflow",
        "torch",
        "celery",
        "evidently",
        "sentence-transformers",
        "matplotlib",
    )

    assert [name for name in pins("requirements-serving.txt") if name.startswith(heavy)] == []


def test_service_and_its_families_can_be_imported_with_only_what_is_in_it():
    families = [one.module for one in FAMILIES if "torch" not in one.requirements]
    granted = {*pins("requirements-serving.txt"), "tagkeeper"}
    absent = [
        package
        for package, distributions in packages_distributions().items()
        if granted.isdisjoint(map(normal, distributions))
    ]

    done = subprocess.run(
        [sys.executable, "-c", LOAD, json.dumps(absent), json.dumps(families)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert {"airflow", "torch"} <= set(absent)
    assert len(families) == len(FAMILIES) - 2
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50


def test_packages_that_saved_models_need_are_in_it_but_for_the_families_with_torch():
    needed = {
        normal(name)
        for one in FAMILIES
        if "torch" not in one.requirements
        for name in one.requirements
    }

    assert needed <= set(pins("requirements-serving.txt"))
