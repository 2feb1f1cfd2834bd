"""Form, results, charts and tables that the pages consist of."""

from carvalue.web.components.browser import add_form_keys, close_menu_on_phone
from carvalue.web.components.charts import per_hour, two_distributions
from carvalue.web.components.explanation import (
    show_comparables,
    show_older_cars,
    show_reasons,
    show_what_if_prices,
)
from carvalue.web.components.form import (
    chosen_make,
    entered_listing,
    fill_form,
    invalid_numbers,
    open_entries,
    remember_entries,
    show_form,
    unresolved_names,
)
from carvalue.web.components.formatting import (
    car_name,
    choice_name,
    escape_markdown,
    format_date,
    format_dollars,
    source_name,
)
from carvalue.web.components.identify import (
    show_advertisement_entry,
    show_trims,
    show_versions,
    show_vin_entry,
)
from carvalue.web.components.missing import show_missing_answers, trim_prices
from carvalue.web.components.number_entry import dollars_input
from carvalue.web.components.quote_actions import (
    MAX_SALE_PRICE,
    MAX_SAVED,
    SALE_PRICE,
    open_rating,
    report_sale,
    save_quotes,
    saved_quotes,
    show_quote_actions,
)
from carvalue.web.components.result import (
    RejectedListing,
    Valuation,
    range_bar,
    show_deal_rating,
    show_valuation,
)
from carvalue.web.components.tables import escape_formulas, show_table, spreadsheet_csv, unused_name

__all__ = [
    "MAX_SALE_PRICE",
    "MAX_SAVED",
    "SALE_PRICE",
    "RejectedListing",
    "Valuation",
    "add_form_keys",
    "car_name",
    "choice_name",
    "chosen_make",
    "close_menu_on_phone",
    "dollars_input",
    "entered_listing",
    "escape_formulas",
    "escape_markdown",
    "fill_form",
    "format_date",
    "format_dollars",
    "invalid_numbers",
    "open_entries",
    "open_rating",
    "per_hour",
    "range_bar",
    "remember_entries",
    "report_sale",
    "save_quotes",
    "saved_quotes",
    "show_advertisement_entry",
    "show_comparables",
    "show_deal_rating",
    "show_form",
    "show_missing_answers",
    "show_older_cars",
    "show_quote_actions",
    "show_reasons",
    "show_table",
    "show_trims",
    "show_valuation",
    "show_versions",
    "show_vin_entry",
    "show_what_if_prices",
    "source_name",
    "spreadsheet_csv",
    "trim_prices",
    "two_distributions",
    "unresolved_names",
    "unused_name",
]
