"""Spellings of one model have one name; different models have different names."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carvalue.pricing.features.model_names import read_name


@pytest.mark.parametrize(
    ("manufacturer", "model", "make", "family", "text"),
    [
        ("ford", "f-150 xlt supercrew 4wd", "ford", "f150", "f150 xlt crewcab 4x4"),
        ("ford", "F150 XLT Super Crew 4x4", "ford", "f150", "f150 xlt crewcab 4x4"),
        ("ford", "super duty f-250", "ford", "f250", "f250 sd"),
        ("", "chevy silverado 1500 lt", "chevrolet", "silverado 1500", "silverado 1500 lt"),
        ("chevrolet", "silvarado 1500", "chevrolet", "silverado 1500", "silverado 1500"),
        ("rover", "land rover range rover sport", "land-rover", "range sport", "range sport"),
        ("alfa-romeo", "romeo stelvio", "alfa-romeo", "stelvio", "stelvio"),
        ("jeep", "2014 grand cherokee laredo", "jeep", "grand cherokee", "grand cherokee laredo"),
        ("mercedes-benz", "c-class c 300 4matic", "mercedes-benz", "cclass", "cclass c300 awd"),
        ("hyundai", "genesis coupe", "hyundai", "genesis", "genesis coupe"),
        ("jeep", "4x4 lifted grand cherokee", "jeep", "grand cherokee", "grand cherokee 4x4 lifted"),
        ("chevrolet", "1500 lt", "chevrolet", "silverado 1500", "silverado 1500 lt"),
        ("gmc", "2500 sierra", "gmc", "sierra 2500", "sierra 2500"),
        ("ram", "pickup 1500", "ram", "1500", "1500 pickup"),
        ("", "f-150 xlt", "ford", "f150", "f150 xlt"),
        ("", "", "", "", ""),
    ],
)
def test_spellings_come_together(manufacturer: str, model: str, make: str, family: str, text: str) -> None:
    name = read_name(manufacturer, model)

    assert (name.make, name.family, name.text) == (make, family, text)


def test_the_engine_is_read() -> None:
    assert read_name("ram", "2500 5.9 cummins").litres == 5.9
    assert math.isnan(read_name("ram", "2500").litres)


@pytest.mark.parametrize(("written", "plain"), [("Škoda", "skoda"), ("citroën", "CITROEN")])
def test_a_make_is_read_without_accents(written: str, plain: str) -> None:
    assert read_name(written, "c3") == read_name(plain, "c3")


@given(st.text(max_size=200), st.text(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_read_twice_alike(manufacturer: str, model: str) -> None:
    assert read_name(manufacturer, model).text == read_name(manufacturer, model).text
