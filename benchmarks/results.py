"""Results files of the benchmarks, from which the documentation renders its figures (`docs/macros.py`)."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from carvalue.pricing import PriceModel

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PROGRAM = ("src", "benchmarks", ":!benchmarks/results")
"""Paths whose uncommitted changes make a measurement one of another program than the commit's."""


def save(
    name: str,
    values: Mapping[str, Any],
    *,
    command: str,
    model: str,
    folder: Path = RESULTS,
    commit: str | None = None,
) -> Path:
    """Write one results file, with how its values were measured.

    Args:
        name: The name of the file, without `.json`.
        values: The measured values: numbers and texts, by name. A list of objects is rendered as a table.
        command: The command that measures them.
        model: The model that was measured, see `describe_model`.
        folder: The folder to write to.
        commit: The commit that measured them, if it is not the current one.

    Returns:
        The path of the file.
    """
    content = {
        "commit": commit or current_commit(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "model": model,
        "command": command,
        "values": values,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")
    return path


def describe_model(bundle: Path) -> str:
    """Describe a model: the source of its data, the number of its trees and the commit that trained it.

    Args:
        bundle: The folder of the bundle.

    Returns:
        One line.
    """
    model = PriceModel.load(bundle)
    trees, rows = model.booster.num_boosted_rounds(), sum(model.card.rows.values())
    return f"{model.card.data_source}, {rows:,} rows, {trees:,} trees, trained at {model.card.git_commit[:7]}"


def measured_elsewhere(names: Iterable[str], *, commit: str, folder: Path = RESULTS) -> dict[str, str]:
    """Find results files that measured another program.

    Args:
        names: The names of results files, without `.json`.
        commit: The commit of the program that all should have measured.
        folder: The folder of the results files.

    Returns:
        The commit of each file whose program is another one; files that do not exist are left out.
    """
    paths = {name: folder / f"{name}.json" for name in names}
    found = {name: json.loads(path.read_text())["commit"] for name, path in paths.items() if path.exists()}
    return {name: other for name, other in found.items() if not is_same_program(other, commit)}


def is_same_program(commit: str, other: str) -> bool:
    """Compare the code of two commits, without benchmarks, tests and documents.

    Args:
        commit: The hash of a commit.
        other: The hash of another one.

    Returns:
        Whether the code is the same; False if a commit is not in this repository.
    """
    return commit == other or not _git("diff", "--quiet", commit, other, "--", "src").returncode


def current_commit() -> str:
    """Read the commit of the program that runs.

    Returns:
        The hash, with `-dirty` if the program has uncommitted changes; `unknown` outside a repository.
    """
    head = _git("rev-parse", "HEAD")
    if head.returncode:
        return "unknown"
    is_dirty = _git("diff", "--quiet", "HEAD", "--", *PROGRAM).returncode
    return head.stdout.strip() + ("-dirty" if is_dirty else "")


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
