"""Form, results, charts and tables that the pages consist of."""

from carvalue.web.components.charts import per_hour, two_distributions
from carvalue.web.components.explanation import show_comparables, show_reasons, show_what_if
from carvalue.web.components.form import chosen_make, entered_listing, invalid_numbers, show_form
from carvalue.web.components.formatting import escape_markdown, format_date, format_dollars, source_name
from carvalue.web.components.number_entry import dollars_input
from carvalue.web.components.result import RejectedListing, Valuation, show_deal_rating, show_valuation
from carvalue.web.components.tables import escape_formulas, show_table, spreadsheet_csv, unused_name

__all__ = [
    "RejectedListing",
    "Valuation",
    "chosen_make",
    "dollars_input",
    "entered_listing",
    "escape_formulas",
    "escape_markdown",
    "format_date",
    "format_dollars",
    "invalid_numbers",
    "per_hour",
    "show_comparables",
    "show_deal_rating",
    "show_form",
    "show_reasons",
    "show_table",
    "show_valuation",
    "show_what_if",
    "source_name",
    "spreadsheet_csv",
    "two_distributions",
    "unused_name",
]
