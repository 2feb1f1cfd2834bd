"""Old prices are carried to today only by an index that the operator provides."""

from datetime import date
from pathlib import Path

import pytest

from answers import a_quote
from carvalue.web.components.price_index import PriceIndexUnreadable, adjusted_price, read_price_index

QUOTE = a_quote(
    price=20_000,
    low=16_000,
    high=26_000,
    data_as_of="2021-04-29",
)


def an_index(folder: Path, text: str) -> Path:
    file = folder / "cpi.csv"
    file.write_text(text)
    return file


def test_a_price_is_carried_to_the_newest_month_of_the_index(tmp_path: Path) -> None:
    file = an_index(tmp_path, "\ufeffmonth,index\n2026-10,125\n2021-04,100.0\n")

    index = read_price_index(file, name="CPI of used cars (BLS)")

    assert index.change_since(date(2021, 4, 29)) == ("2026-10", 1.25)
    text = adjusted_price(QUOTE, month="2026-10", share=1.25, name=index.name).replace("\\", "")
    assert "Adjusted to October 2026: about **$25,000** ($20,000 to $32,500)." in text
    assert "Between April 2021 and October 2026, *CPI of used cars (BLS)* changed by +25%." in text


@pytest.mark.parametrize("day", [date(2021, 3, 1), date(2026, 10, 1)])
def test_a_month_outside_of_the_index_is_not_guessed(tmp_path: Path, day: date) -> None:
    file = an_index(tmp_path, "month,index\n2021-04,100\n2026-10,125\n")

    assert read_price_index(file, name="").change_since(day) is None


HEADER = "month,index\n"


@pytest.mark.parametrize("text", ["", HEADER, f"{HEADER}2021-13,1\n", f"{HEADER}2021-04,x\n", "a;b\n1;1\n"])
def test_a_file_that_is_no_index_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(PriceIndexUnreadable, match="PRICE_INDEX"):
        read_price_index(an_index(tmp_path, text), name="")


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(PriceIndexUnreadable, match="cannot be read"):
        read_price_index(tmp_path / "none.csv", name="")
