"""The model card that people read: one page of Markdown for each version, made of what was measured."""

import polars as pl

from carvalue.pricing.bundle import ModelCard

MEASURES = {
    "mdape": ("median absolute percentage error", "{:.1%}"),
    "mae": ("mean absolute error", "${:,.0f}"),
    "within_20": ("within 20 % of the asked price", "{:.1%}"),
    "rmse_log": ("RMSE of log price", "{:.3f}"),
    "bias": ("median of quoted over asked, less 1", "{:+.1%}"),
    "coverage": ("asked price within the range", "{:.1%}"),
    "width": ("width of the range, of the quote", "{:.0%}"),
}
WORST = 5
COMPARISONS_WITHOUT_CHAMPION = 2  # columns: this model and the baseline


def write_report(
    card: ModelCard, *, posted: pl.Series, comparison: pl.DataFrame, slices: pl.DataFrame
) -> str:
    """Write the card: data, dates, measures beside the rivals, coverage by slice, limits.

    `posted` are the test rows' times of posting; the tables are those that an evaluation writes.
    """
    return "\n".join(
        [
            "# Used-car price model: model card",
            "",
            "Prices a used car by what is asked for such cars, with a range that is meant to hold the asked",
            "price nine times in ten.",
            *_section("Data", _facts(card, posted)),
            *_section(f"On the {posted.len():,} test rows", _comparison(comparison)),
            *_section("Coverage of the range by slice", _coverage(slices)),
            *_section("Where it errs most", _worst(slices)),
            *_section("Limits", [f"- {limit}" for limit in card.limits]),
            *_section("How it was made", _making(card)),
            "",
        ]
    )


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"## {title}", "", *lines]


def _facts(card: ModelCard, posted: pl.Series) -> list[str]:
    rows = ", ".join(f"{count:,} {name}" for name, count in card.rows.items())
    return [
        f"- source: {card.source_description} ({card.data_source}), fingerprint `{card.dataset_fingerprint}`",
        f"- learned from {rows} rows; the newest listing is of {card.data_as_of}",
        f"- test rows: posted {_day(posted.min())} to {_day(posted.max())}, of cars it did not learn from",
        f"- newest model year: {card.newest_year}",
    ]


def _day(moment: object) -> str:
    return str(moment)[:10]


def _comparison(comparison: pl.DataFrame) -> list[str]:
    models = comparison["model"].to_list()
    lines = ["| | " + " | ".join(models) + " |", "|---" * (len(models) + 1) + "|"]
    for name, (title, form) in MEASURES.items():
        values = ("" if value is None else form.format(value) for value in comparison[name])
        lines.append(f"| {title} | " + " | ".join(values) + " |")
    if len(models) > COMPARISONS_WITHOUT_CHAMPION:
        lines += ["", "The model in production may have learned from some of these cars, which favours it."]
    return lines


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


def _worst(slices: pl.DataFrame) -> list[str]:
    return [
        f"- {row['slice']} {row['value']}: median error {row['mdape']:.1%} on {row['rows']:,} rows"
        for row in slices.sort("mdape", descending=True).head(WORST).to_dicts()
    ]


def _making(card: ModelCard) -> list[str]:
    params = ", ".join(f"{name} {value:.6g}" for name, value in sorted(card.params.items()))
    versions = ", ".join(f"{name} {value}" for name, value in sorted(card.versions.items()))
    return [
        f"- trained {card.trained_at:%Y-%m-%d %H:%M} UTC by commit `{card.git_commit}`",
        f"- parameters: {params}",
        f"- with {versions}",
    ]
