"""Each image has the packages and programs that its roles need; no container engine is needed."""

import re
import subprocess
import sys
import tomllib
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STAGES = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM|\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL))
BASES = {name: base for base, name in re.findall(r"^FROM (\S+) AS (\S+)", DOCKERFILE, re.MULTILINE)}
LOCK = {
    name: list(versions)
    for name, versions in groupby(
        tomllib.loads((ROOT / "uv.lock").read_text())["package"], key=itemgetter("name")
    )
}
IMAGES = [name for name, content in STAGES.items() if f"ENV IMAGE={name}" in content]


def extras(image: str) -> list[str]:
    """Read which extras of this package an image has; both installations must have the same."""
    build = STAGES.get(f"build-{image}") or STAGES[f"build-{BASES[image]}"]
    layers = [re.findall(r"--extra (\S+)", line) for line in re.findall(r"uv sync .*", build)]
    assert len(layers) == 2
    assert layers[0] == layers[1]
    return layers[0]


def distributions(image: str) -> set[str]:
    """Follow the locked requirements of an image's extras; markers of platforms are ignored."""
    found: set[str] = set()
    waiting = [("carvalue", extra) for extra in ("", *extras(image))]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        found.add(name)
        for package in LOCK[name]:
            parts = package.get("optional-dependencies", {}) if extra else package
            required = parts.get(extra or "dependencies", [])
            new = {(item["name"], part) for item in required for part in ("", *item.get("extra", ()))} - seen
            seen |= new
            waiting += new
    return found


@pytest.mark.slow  # imports all that a role imports
@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_the_packages_that_its_roles_import(image: str) -> None:
    program = Path(__file__).with_name("image_self_test.py")
    done = subprocess.run(
        [sys.executable, program, image, *distributions(image)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]


def test_the_images_of_roles_that_open_the_storage_have_boto3() -> None:
    assert not [image for image in ("watcher", "backup", "airflow", "mlflow") if "aws" not in extras(image)]


def test_the_backup_has_the_client_programs_of_the_databases_version() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    server = re.match(r"postgres:(\d+)", compose["services"]["postgres"]["image"])
    on_aws = re.search(r'engine_version = "(\d+)"', (ROOT / "deploy" / "aws" / "database.tf").read_text())
    client = re.search(r"postgresql-client-(\d+)", STAGES["backup"])

    assert client
    assert server
    assert on_aws
    assert int(client[1]) >= max(int(server[1]), int(on_aws[1]))


def test_every_image_is_built_and_tested_in_ci() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    matrices = [job["strategy"]["matrix"] for job in jobs.values() if "matrix" in job.get("strategy", {})]

    assert [set(matrix["target"]) for matrix in matrices if "target" in matrix] == [set(IMAGES)]
