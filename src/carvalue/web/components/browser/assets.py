"""Reads the scripts and styles of the browser components, and registers them with Streamlit."""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

ASSETS = Path(__file__).with_name("static")


@cache
def browser_component(name: str) -> Any:
    """Register a component once in a process.

    Args:
        name: The stem of its files NAME.js and NAME.css.

    Returns:
        The function that shows the component.
    """
    script, style = ((ASSETS / f"{name}.{suffix}").read_text(encoding="utf-8") for suffix in ("js", "css"))
    return st.components.v2.component(f"carvalue_{name}", js=script, css=style)
