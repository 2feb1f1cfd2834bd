"""A make or model that is perhaps a typing error is not priced before the visitor chose."""

import pytest
from streamlit.testing.v1 import AppTest

SCRIPT = """
import streamlit as st
from carvalue.web.components import unresolved_names
st.session_state.update({entries})
st.write(str(dict(unresolved_names({{"manufacturer": ("ford",), "model": ("civic", "focus")}}))))
"""


@pytest.mark.parametrize(
    ("entries", "unresolved"),
    [
        ({"model": "civ"}, "model"),
        ({"model": "Focsu"}, "model"),
        ({"manufacturer": "frod"}, "manufacturer"),
        ({"model": "civ", "kept model": "civ"}, ""),
        ({"model": "civ", "similar model": "civic"}, ""),
        ({"manufacturer": "ford", "model": "Focus SE wagon"}, ""),
        ({"manufacturer": "ferrari", "model": "458"}, ""),
        ({}, ""),
    ],
)
def test_only_a_likely_typing_error_asks(entries: dict[str, str], unresolved: str) -> None:
    shown = AppTest.from_string(SCRIPT.format(entries=entries)).run()

    assert shown.markdown[0].value == (
        f"{{'{unresolved}': 'one of the suggestions'}}" if unresolved else "{}"
    )
