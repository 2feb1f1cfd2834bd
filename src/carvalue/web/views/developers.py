"""Developers: how a program gets prices, with examples for curl, Python and JavaScript."""

import json

import streamlit as st

from carvalue.listings import ALIASES, MARKET
from carvalue.settings import PageSettings, load_settings

_ALIAS = {name: alias for alias, name in ALIASES.items()}
CAR = {
    _ALIAS.get(name, name): MARKET.examples[0][name]
    for name in ("manufacturer", "model", "year", "odometer")
    if name in MARKET.examples[0]
}
IN_A_TERMINAL = '- In a terminal: `carvalue price "2015 ford f-150 xlt 80000 miles"`\n'


def show_developers() -> None:
    """Show the page."""
    settings = load_settings(PageSettings)
    url = settings.service_url if settings.is_loopback else "https://YOUR-PRICE-SERVICE"
    st.title("For developers")
    st.write(f"Programs get the same prices over HTTP. A list of {MARKET.vehicles} gets a list of quotes.")
    written = examples(url)
    for tab, code in zip(st.tabs(list(written)), written.values(), strict=True):
        # Streamlit's colours of highlighted code are too pale to read; a box that scrolls has no Tab stop
        tab.code(code, language=None, wrap_lines=True)
    st.header("API keys")
    st.markdown(
        "Off one machine, the service asks for a key. The operator makes one with "
        "`carvalue keys new CLIENT`; send it as the header `X-API-Key`. The key names its client "
        "in the journal and has a rate limit."
    )
    st.header("More")
    st.markdown(
        f"- Every route with its schema: `{url}/docs`\n"
        "- Files: `curl --data-binary @cars.csv -H 'Content-Type: text/csv'` to `/predict/batch`, or "
        "`carvalue score cars.csv priced.csv`\n"
        f"{IN_A_TERMINAL if MARKET.recognition else ''}"
        "- For language models: `carvalue mcp` serves the Model Context Protocol on standard input and output"
    )


def examples(url: str) -> dict[str, str]:
    """Write a request in several languages.

    Args:
        url: Base URL of the price service.

    Returns:
        Code by the name of its language.
    """
    body = json.dumps(CAR)
    return {
        "curl": f"curl {url}/predict \\\n  -H 'Content-Type: application/json' -H 'X-API-Key: YOUR-KEY' \\\n"
        f"  -d '{body}'",
        "Python": "import httpx\n\n"
        f"car = {CAR!r}\n"
        f'answer = httpx.post("{url}/predict", json=car, headers={{"X-API-Key": "YOUR-KEY"}})\n'
        'print(answer.raise_for_status().json()["price"])',
        "JavaScript": f'const answer = await fetch("{url}/predict", {{\n'
        '  method: "POST",\n'
        '  headers: {"Content-Type": "application/json", "X-API-Key": "YOUR-KEY"},\n'
        f"  body: JSON.stringify({body}),\n"
        "});\nconsole.log((await answer.json()).price);",
    }
