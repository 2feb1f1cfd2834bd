"""Streamlit finds the pages in the program alone."""

from pathlib import Path

from carvalue.web import page


def test_no_folder_pages_stands_beside_the_entry_script() -> None:
    """Streamlit would offer its files as pages to the first visitor, who then reads "Page not found"."""
    assert not Path(page.__file__).with_name("pages").exists()
