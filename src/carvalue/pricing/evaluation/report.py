"""Write the model card of a version: one page of Markdown for people.

Reference: Mitchell et al. (2019), "Model cards for model reporting".
"""

from collections.abc import Mapping
from typing import get_args

import polars as pl

from carvalue.listings import CURRENCY
from carvalue.pricing.bundle import ModelCard
from carvalue.pricing.market import FEW_CARS, MANY_CARS, SupportGrade

MEASURES = {
    "mdape": ("median absolute percentage error", "{:.1%}"),
    "mae": ("mean absolute error", f"{CURRENCY.symbol}{{:,.0f}}"),
    "within_5": ("within 5 % of the asking price", "{:.1%}"),
    "within_10": ("within 10 % of the asking price", "{:.1%}"),
    "within_20": ("within 20 % of the asking price", "{:.1%}"),
    "rmse_log": ("RMSE of log price", "{:.3f}"),
    "bias": ("median of quote over asking price, less 1", "{:+.1%}"),
    "coverage": ("asking price within the range", "{:.1%}"),
    "width": ("width of the range over the quote, mean", "{:.0%}"),
    "median_width": ("width of the range over the quote, median", "{:.0%}"),
    "crps": ("continuous ranked probability score (CRPS)", f"{CURRENCY.symbol}{{:,.0f}}"),
    "pit_deviation": ("largest deviation of the PIT from uniform", "{:.1%}"),
}
WORST_SLICES = 5
ROWS_WITHOUT_CHAMPION = 2  # rows of the comparison: this model and the baseline


def write_report(
    card: ModelCard,
    *,
    posted: pl.Series,
    grades: pl.Series,
    comparison: pl.DataFrame,
    slices: pl.DataFrame,
    pit: pl.DataFrame,
    floor: Mapping[str, float],
) -> str:
    """Write data, dates, scores beside the comparisons, coverage by slice, calibration, and limits.

    Args:
        card: The bundle's machine-readable card.
        posted: Posting times of the test rows.
        grades: Support grades of the quotes of the test rows.
        comparison: Table of `comparison.csv`: one row for each model, the evaluated one first.
        slices: Table of `slices.csv`.
        pit: Table of `pit.csv`.
        floor: Noise floor of the test rows; empty if it is not known.

    Returns:
        A Markdown document.
    """
    return "\n".join(
        [
            "# Used-car price model: model card",
            "",
            "Quotes the asking price of a used car, with a range that should contain the asking price",
            "nine times in ten.",
            *_section("Data", _data(card, posted)),
            *_section(f"On the {posted.len():,} test rows", _comparison(comparison)),
            *_section("Noise floor", _noise_floor(floor)),
            *_section("Support of the quotes", _support(grades)),
            *_section("Coverage of the range by slice", _coverage(slices)),
            *_section("Calibration of the distribution", _calibration(pit)),
            *_section("Slices with the largest errors", _worst_slices(slices)),
            *_section("Limits", [f"- {limit}" for limit in card.limits]),
            *_section("Training", _training(card)),
            "",
        ]
    )


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"## {title}", "", *lines]


def _data(card: ModelCard, posted: pl.Series) -> list[str]:
    rows = ", ".join(f"{count:,} {name}" for name, count in card.rows.items())
    return [
        f"- source: {card.source_description} ({card.data_source}), fingerprint `{card.dataset_fingerprint}`",
        f"- evaluated: a model fitted on {rows} rows; the newest listing is from {card.data_as_of}",
        "- registered: the same model, fitted again on all these rows and the test rows",
        f"- test rows: posted {_day(posted.min())} to {_day(posted.max())}, of cars not used in training",
        f"- newest model year: {card.newest_year}",
    ]


def _day(moment: object) -> str:
    return str(moment)[:10]


def _comparison(comparison: pl.DataFrame) -> list[str]:
    models = comparison["model"].to_list()
    lines = ["| | " + " | ".join(models) + " |", "|---" * (len(models) + 1) + "|"]
    measured = {name: measure for name, measure in MEASURES.items() if name in comparison.columns}
    for name, (title, template) in measured.items():
        values = ("" if value is None else template.format(value) for value in comparison[name])
        lines.append(f"| {title} | " + " | ".join(values) + " |")
    if len(models) > ROWS_WITHOUT_CHAMPION:
        lines += [
            "",
            "Listings that are newer than those of the model in production are quoted by it, the others by",
            "its evaluated model, before the fit on all listings, which may know some of these cars.",
        ]
    return lines


def _noise_floor(floor: Mapping[str, float]) -> list[str]:
    if not floor:
        return ["Not estimated: too few test rows have a training row that is described alike."]
    return [
        f"{floor['twins']:,.0f} test rows have a twin: a training row of another car, in another region,",
        "with the same name, year and categories and with miles within 5 %. At the median the prices of",
        f"twins differ by {floor['gap']:.1%}. No model that sees only these fields can be expected to have a",
        f"median error below {floor['lower']:.1%} to {floor['upper']:.1%} on these rows; this one has",
        f"{floor['error']:.1%}.",
    ]


def _support(grades: pl.Series) -> list[str]:
    counts = dict(grades.value_counts().iter_rows())
    return [
        "A grade tells how many cars of the same make and model family the model knows: *many* from",
        f"{MANY_CARS}, *some* from {FEW_CARS}, *few* below that, *none* for an unseen family.",
        "",
        "| support | test rows | share |",
        "|---|---|---|",
        *(
            f"| {grade} | {counts.get(grade, 0):,} | {counts.get(grade, 0) / len(grades):.1%} |"
            for grade in reversed(get_args(SupportGrade))
        ),
    ]


def _coverage(slices: pl.DataFrame) -> list[str]:
    lines = ["| slice | lowest | highest |", "|---|---|---|"]
    for (name,), rows in slices.group_by("slice", maintain_order=True):
        ordered = rows.sort("coverage")
        lowest, highest = (
            f"{row['coverage']:.1%} ({row['value']})"
            for row in (ordered[0].to_dicts()[0], ordered[-1].to_dicts()[0])
        )
        lines.append(f"| {name} | {lowest} | {highest} |")
    return lines


def _calibration(pit: pl.DataFrame) -> list[str]:
    if pit.is_empty():
        return ["Not measured: the model has no quantiles beyond its range."]
    shares = " | ".join(f"{share:.1%}" for share in pit["share"])
    return [
        "Each tenth of the predicted distribution should hold 10 % of the asking prices (probability",
        "integral transform, PIT; Gneiting, Balabdaoui and Raftery 2007). The CRPS scores the whole",
        "distribution; of quotes without a range it is the mean absolute error (Gneiting and Raftery 2007).",
        "",
        "| tenth, from the lowest prices | " + " | ".join(map(str, pit["decile"])) + " |",
        "|---" * (pit.height + 1) + "|",
        f"| asking prices | {shares} |",
    ]


def _worst_slices(slices: pl.DataFrame) -> list[str]:
    return [
        f"- {row['slice']} {row['value']}: median error {row['mdape']:.1%} on {row['rows']:,} rows"
        for row in slices.sort("mdape", descending=True).head(WORST_SLICES).to_dicts()
    ]


def _training(card: ModelCard) -> list[str]:
    params = ", ".join(f"{name} {value:.6g}" for name, value in sorted(card.params.items()))
    versions = ", ".join(f"{name} {value}" for name, value in sorted(card.versions.items()))
    return [
        f"- trained {card.trained_at:%Y-%m-%d %H:%M} UTC at commit `{card.git_commit}`",
        f"- parameters: {params}",
        *_search(card.search),
        f"- versions: {versions}",
    ]


def _search(search: Mapping[str, int]) -> list[str]:
    if not search:
        return []
    ended = ": the time limit ended it" if search["trials"] < search["planned"] else ""
    return [f"- hyperparameter search: {search['trials']} of {search['planned']} planned trials{ended}"]
