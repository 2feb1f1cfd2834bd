"""A program that creates one drift report with Evidently. No other module imports Evidently."""

import shutil
import sys
from pathlib import Path

import pandas as pd
import polars as pl
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset, DataSummaryPreset

from carvalue.files import atomic_write

# Evidently writes texts unescaped into a script, and people enter some of the texts
HTML_CHARACTERS = {
    "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
    ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
    "&": "+",
}
OMITTED = {"quoted_at", "model"}  # nearly every value is different, so shares mean nothing


def main() -> None:
    """Create the report from `reference.parquet` and `window.parquet` in a folder, then remove the folder."""
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        write_evidently_report(folder / "reference.parquet", folder / "window.parquet", target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_evidently_report(reference: Path, window: Path, target: Path) -> None:
    """Write an HTML page that compares the distributions of two frames.

    Args:
        reference: A Parquet file of the reference.
        window: A Parquet file of recent quotes with the same columns.
        target: The HTML file to write.
    """
    rows = pl.read_parquet(reference)
    numbers = [name for name in rows.columns if rows[name].dtype.is_numeric()]
    categories = [name for name in rows.columns if name not in {*numbers, *OMITTED}]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    report = Report([DataDriftPreset(), DataSummaryPreset()])
    result = report.run(
        current_data=Dataset.from_pandas(_frame(window, [*numbers, *categories]), data_definition=definition),
        reference_data=Dataset.from_pandas(
            _frame(reference, [*numbers, *categories]), data_definition=definition
        ),
    )
    with atomic_write(target) as temporary:
        result.save_html(str(temporary))


def _frame(path: Path, columns: list[str]) -> pd.DataFrame:
    rows = pl.read_parquet(path, columns=columns)
    harmless = pl.col(pl.String).str.replace_many(HTML_CHARACTERS)
    # Evidently ignores missing texts, so they get a value of their own
    filled = rows.with_columns(harmless.fill_null("(missing)"))
    return pd.DataFrame({name: filled[name].to_list() for name in columns})


if __name__ == "__main__":
    main()
