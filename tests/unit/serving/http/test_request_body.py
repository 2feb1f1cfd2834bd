"""Request bodies are parsed strictly; every error is a 4xx status."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carvalue.serving.http.request_body import MalformedBody, parse


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1} x', "Extra data"),
        (b'{"year": NaN}', "NaN"),
        (b'{"year": -Infinity}', "-Infinity"),
        (b'{"year": 1, "model": "x", "year": 2}', 'gives "year" twice'),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 50_000, "nested too deeply"),
        (b"1" * 5_000, "thousands of digits"),
        (b'{"make": "\xff"}', "not UTF-8: byte 10"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
    ],
)
def test_a_malformed_body_is_named(body: bytes, said: str) -> None:
    with pytest.raises(MalformedBody) as caught:
        parse(body)

    assert said in caught.value.message
    assert caught.value.status == 400


def test_many_duplicate_keys_take_linear_time() -> None:
    names = ",".join(f'"n{at}": 0' for at in range(60_000))

    with pytest.raises(MalformedBody, match="n59999"):
        parse(f'{{{names}, "n59999": 1}}'.encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_malformed(body: bytes) -> None:
    with suppress(MalformedBody):
        parse(body)
