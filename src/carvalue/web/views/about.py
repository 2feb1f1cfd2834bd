"""About: where the prices come from, what their words mean, and what is stored."""

import streamlit as st

from carvalue.settings import PageSettings, load_settings

PRICES = """
Our prices are **asking prices**: what cars like yours were advertised for, learned from past
advertisements. The date beside each price is the day of the newest advertisement. A trade-in or a
quick sale brings less.

**The range** has a lower and an upper end: of ten cars with the same answers, nine are advertised
within it. [How good the prices are]({accuracy}) shows how often that held on advertisements that the
model had not seen, how far prices were off, and for which cars they are less certain.

**What if** compares cars of other mileages and model years today. It does not forecast the future
of your car.
"""
CONDITIONS = """
| Condition | What sellers usually mean |
|---|---|
| New | hardly driven; few advertisements of used cars say so |
| Like new | no visible wear, everything works |
| Excellent | small signs of wear, no known defects, maintained |
| Good | visible wear, everything important works |
| Fair | defects that need repair |
| Salvage | heavily damaged; an insurer has declared it a total loss |

The words are the sellers' own, so *new* and *like new* do not always bring more than *excellent*.
"""
PRIVACY = """
**What is stored.** Each price that you ask for: the answers of the form, the price, its time, and a
pseudonym of your network address, which cannot be turned back into the address. If you report a
sale, its price; if you rate a price, your rating. No name, no e-mail address, no cookie for
advertising; a VIN and the text of an advertisement never leave this page's server and are not stored.

**What it is used for.** To measure how good the prices are, to notice when the market moves, and to
train on reported sales.

**How long.** Until the operator of this site deletes it, or you do: open the price by its link and
press *Delete*. Whoever has the link of a price can open and delete it, so share it like a document.

**Nobody else.** The page loads nothing from other sites.
"""


def show_about() -> None:
    """Show the page."""
    settings = load_settings(PageSettings)
    # off one machine, a proxy serves page and price service under one name
    service = settings.service_url if settings.is_loopback else ""
    st.title("About and privacy")
    st.header("What the prices mean")
    st.markdown(PRICES.format(accuracy=f"{service}/accuracy"))
    st.header("Conditions")
    st.markdown(CONDITIONS)
    st.header("Privacy")
    st.markdown(PRIVACY)
