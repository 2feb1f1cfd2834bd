"""Run NannyML on the same rows, in its own environment; `beside.py` runs it, with a folder of Parquet.

`reference.parquet`, `clean.parquet` and one file for each run of each drift, whose first rows are clean:
`before.json` contains how many. Prints how many clean chunks alerted, and each run's delay.
"""

import json
import sys
import time
from pathlib import Path

import nannyml
import pandas as pd

CHUNK = 1_000  # rows


def main(folder: Path) -> None:
    """Fit on the reference with all defaults but the size of a chunk, and look for alerts."""
    reference = pd.read_parquet(folder / "reference.parquet")
    calculator = nannyml.UnivariateDriftCalculator(column_names=list(reference.columns), chunk_size=CHUNK)
    calculator.fit(reference)
    clean = pd.read_parquet(folder / "clean.parquet")
    began = time.process_time()
    alarms = len(alerting(calculator, clean))
    spent = time.process_time() - began
    delays = {name: delay(calculator, folder, name, before) for name, before in runs(folder).items()}
    found = {"alarms": alarms, "cpu_ms_per_1000": spent * 1e6 / len(clean), "delays": delays}
    sys.stdout.write(json.dumps(found) + "\n")


def runs(folder: Path) -> dict[str, int]:
    """Read the number of clean rows at the start of each run."""
    found: dict[str, int] = json.loads((folder / "before.json").read_text())
    return found


def delay(calculator: nannyml.UnivariateDriftCalculator, folder: Path, name: str, before: int) -> int | None:
    """Count the rows from the first that drifted to the end of the first chunk with an alert."""
    ends = alerting(calculator, pd.read_parquet(folder / f"{name}.parquet"))
    return next((end - before + 1 for end in ends if end >= before), None)


def alerting(calculator: nannyml.UnivariateDriftCalculator, rows: pd.DataFrame) -> list[int]:
    """Give the last row of each whole chunk in which any column alerts."""
    table = calculator.calculate(rows).filter(period="analysis").to_df()
    whole = table["chunk", "chunk", "end_index"] - table["chunk", "chunk", "start_index"] + 1 == CHUNK
    alert = table.xs("alert", axis=1, level=2).any(axis=1)
    return [int(end) for end in table["chunk", "chunk", "end_index"][whole & alert]]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
