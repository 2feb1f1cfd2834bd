"""A program that draws one report with Evidently; the only module that knows its ever-changing API."""

import shutil
import sys
from pathlib import Path

import pandas as pd
import polars as pl
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset, DataSummaryPreset

from carvalue.files import atomic_write

LEFT_OUT = {"quoted_at", "model"}  # texts that are nearly all different tell nothing as shares


def main() -> None:
    """Draw the report of a folder with `reference.parquet` and `window.parquet`, then remove the folder."""
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        write_evidently_report(folder / "reference.parquet", folder / "window.parquet", target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_evidently_report(reference: Path, window: Path, target: Path) -> None:
    """Draw the window's distributions beside the reference's as one page of HTML."""
    rows = pl.read_parquet(reference)
    numbers = [name for name in rows.columns if rows[name].dtype.is_numeric()]
    words = [name for name in rows.columns if name not in {*numbers, *LEFT_OUT}]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=words)
    report = Report([DataDriftPreset(), DataSummaryPreset()])
    drawn = report.run(
        current_data=Dataset.from_pandas(_frame(window, [*numbers, *words]), data_definition=definition),
        reference_data=Dataset.from_pandas(_frame(reference, [*numbers, *words]), data_definition=definition),
    )
    with atomic_write(target) as aside:
        drawn.save_html(str(aside))


def _frame(path: Path, columns: list[str]) -> pd.DataFrame:
    rows = pl.read_parquet(path, columns=columns)
    # to Evidently a missing word is no word at all: it must be one to be seen
    worded = rows.with_columns(pl.col(pl.String).fill_null("(missing)"))
    return pd.DataFrame({name: worded[name].to_list() for name in columns})


if __name__ == "__main__":
    main()
