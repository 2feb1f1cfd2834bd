"""`POST /predict/batch`: a priced row for each row, in order, in the format of the request, journaled."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from pydantic import SecretStr

from carvalue.api.batch import ANSWER_CSV, REQUEST_CSV, REQUEST_NDJSON
from carvalue.journal.store import Journal, JournalCursor
from carvalue.listings.schema import FIELDS
from carvalue.pricing.model import PriceModel
from carvalue.serving.app import create_app
from carvalue.serving.batch.batches import ANSWER_COLUMNS, CHUNK_ROWS
from carvalue.serving.batch.formats import ARROW, CSV, FORMATS, NDJSON, PARQUET, BatchFormat
from carvalue.settings import Settings
from fakes import FakeRegistry
from markets import a_market
from servers import serving
from waiting import until

NAMES = [field.name for field in FIELDS]
FORMAT_IDS = [item.suffix for item in FORMATS]
LIMIT_MB = 2


def written(frame: pl.DataFrame, kind: BatchFormat) -> bytes:
    if kind is CSV:
        return frame.write_csv().encode()
    if kind is NDJSON:
        return frame.write_ndjson().encode()
    out = io.BytesIO()
    frame.write_parquet(out) if kind is PARQUET else frame.write_ipc_stream(out)
    return out.getvalue()


def read(answer: httpx.Response) -> pl.DataFrame:
    kind = next(item for item in FORMATS if answer.headers["content-type"].startswith(item.media_type))
    if kind is CSV:
        return pl.read_csv(answer.content, infer_schema_length=None, try_parse_dates=True)
    if kind is NDJSON:
        return pl.read_ndjson(answer.content, infer_schema_length=None)
    return pl.read_parquet(answer.content) if kind is PARQUET else _arrow(answer.content)


def _arrow(content: bytes) -> pl.DataFrame:
    import pyarrow.ipc  # a reader that is not the writer

    frame = pl.from_arrow(pyarrow.ipc.open_stream(content).read_all())
    assert isinstance(frame, pl.DataFrame)
    return frame


Post = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def client(bundle: Path, state: Path) -> Iterator[httpx.Client]:
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    settings = Settings(state_dir=state, batch_limit_mb=LIMIT_MB)
    with serving(create_app(settings, registry=registry)) as client:
        until(lambda: client.get("/readyz").is_success)
        yield client


@pytest.fixture
def post(client: httpx.Client) -> Post:
    def send(content: Any, kind: BatchFormat | str, **headers: str) -> httpx.Response:
        media_type = kind if isinstance(kind, str) else kind.media_type
        asked = {"content-type": media_type, **headers}
        return client.post("/predict/batch", content=content, headers=asked)

    return send


@pytest.mark.parametrize("kind", FORMATS, ids=FORMAT_IDS)
def test_every_row_is_priced_as_offline_and_keeps_its_place(
    post: Post, bundle: Path, kind: BatchFormat
) -> None:
    cars = a_market(rows=CHUNK_ROWS + 300, seed=4).select(NAMES)

    answer = post(written(cars, kind), kind)

    assert answer.status_code == 200, answer.text
    priced = read(answer)
    offline = PriceModel.load(bundle).quote_frame(cars)
    assert priced.select("price", "low", "high").rows() == offline.select("price", "low", "high").rows()
    assert priced["quote_id"].n_unique() == cars.height
    assert set(priced["model_version"].cast(pl.String)) == {"3"}
    assert priced.columns == ANSWER_COLUMNS.names()


def test_another_format_can_be_requested(post: Post) -> None:
    answer = post(REQUEST_CSV, CSV, accept=f"text/html, {ARROW.media_type};q=0.9")

    assert answer.headers["content-type"] == ARROW.media_type
    assert read(answer).height == 2


@pytest.mark.parametrize("kind", [CSV, PARQUET, ARROW], ids=[".csv", ".parquet", ".arrow"])
def test_an_answer_without_rows_has_its_columns(kind: BatchFormat, tmp_path: Path) -> None:
    content = b"".join(kind.new_writer(ANSWER_COLUMNS, tmp_path).end())

    answer = httpx.Response(200, content=content, headers={"content-type": kind.media_type})
    assert (read(answer).height, read(answer).columns) == (0, ANSWER_COLUMNS.names())


def test_a_row_that_cannot_be_priced_keeps_its_position_with_a_reason(post: Post) -> None:
    lines = ['{"make": "ford", "model": "focus", "year": 2015}', "{", '{"year": 1970}', '{"year": [1]}', "{}"]

    answer = post("\n".join(lines), NDJSON)

    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["reason"] for row in rows[1:]] == [
        "the line is not JSON: Expecting property name enclosed in double quotes at character 1",
        "year 1970: expected 1985-2030",
        "the line gives year as a list: expected a text or a number",
        "year missing",
    ]
    assert rows[0]["reason"] is None
    assert rows[0]["quote_id"]
    assert {row["price"] for row in rows[1:]} == {row["quote_id"] for row in rows[1:]} == {None}


def test_priced_rows_are_in_the_journal_and_counted(client: httpx.Client, post: Post, state: Path) -> None:
    before = client.get("/metrics").text
    asked = "make,model,year,odometer,condition\nlada,niva,2001,,superb\nford,focus,next,1,good\n"

    priced = read(post(asked, CSV)).row(0, named=True)

    journal = Journal(Settings(state_dir=state).journal_url.get_secret_value())
    until(lambda: priced["quote_id"] in _ids(journal))
    journal.close()
    assert "condition 'superb' is not known: taken as missing" in priced["warnings"]
    series = 'carvalue_unknown_categories_total{field="condition"}'
    assert f"{series} 1.0" in client.get("/metrics").text
    assert series not in before


def _ids(journal: Journal) -> set[str]:
    return {
        entry.quote_id
        for entry in journal.arrived(
            JournalCursor(), until=datetime.max.replace(tzinfo=UTC), limit=1_000_000
        ).entries
    }


def test_batch_and_predict_give_the_same_quote(client: httpx.Client, post: Post) -> None:
    car = {"make": "ford", "model": "focus", "year": 2015, "odometer": 12, "region": "nowhere"}

    single = client.post("/predict", json=car).json()
    row = json.loads(post(json.dumps(car), NDJSON).text)

    single["support_grade"] = single.pop("support")["grade"]
    same = [name for name in single if name != "quote_id"]
    assert [row[name] for name in same] == [single[name] for name in same]


@pytest.mark.parametrize(
    ("content", "declared", "headers", "status", "said"),
    [
        (b"a,b\n1,2\n", "text/csv", {}, 422, "none of the columns manufacturer"),
        (b"", "text/csv", {}, 422, "empty"),
        (b"make,manufacturer\na,b\n", "text/csv", {}, 422, "expected one of them"),
        (b'year,model\n2012,"camry\n2013,civic\n', "text/csv", {}, 422, "cannot be read to its end"),
        (b"year\n2012\n", PARQUET.media_type, {}, 422, "arquet"),
        (b"year\n2012\n", ARROW.media_type, {}, 422, ""),
        (b"{}", "application/json", {}, 415, "application/json"),
        (b"{}", "", {}, 415, "''"),
        (b"year\n2012\n", "text/csv", {"content-encoding": "gzip"}, 415, "gzip"),
        (b"year\n2012\n", "text/csv", {"accept": "image/png"}, 406, "image/png"),
        (b"x" * (LIMIT_MB * 2**20 + 1), "text/csv", {}, 413, "limit"),
    ],
)
def test_a_body_that_cannot_be_priced_is_a_problem(
    post: Post, content: bytes, declared: str, headers: dict[str, str], status: int, said: str
) -> None:
    answer = post(content, declared, **headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert answer.json()["hint"]


def test_a_file_with_an_offer_of_another_protocol_is_refused_with_a_hint(post: Post) -> None:
    answer = post(REQUEST_CSV, CSV, connection="Upgrade", upgrade="h2c")

    assert answer.status_code == 400
    assert "HTTP_1_1" in answer.json()["hint"]


def test_a_body_without_length_is_cut_off_at_the_limit(post: Post) -> None:
    answer = post((b"x" * 65_536 for _ in range(1_000)), CSV)

    assert answer.status_code == 413


@pytest.mark.parametrize("kind", [PARQUET, ARROW], ids=[".parquet", ".arrow"])
def test_a_damaged_file_crashes_its_reader_and_not_the_service(
    client: httpx.Client, post: Post, kind: BatchFormat
) -> None:
    whole = written(a_market(rows=50, seed=4).select(NAMES), kind)
    chance = np.random.default_rng(2)

    for _ in range(3):
        damaged = bytearray(whole)
        for _ in range(4):
            damaged[chance.integers(len(damaged))] = chance.choice((0, 127, 255))
        assert post(bytes(damaged), kind).status_code in {200, 422}

    assert client.get("/healthz").is_success


def test_a_few_bytes_that_claim_billions_of_rows_are_refused(post: Post, tmp_path: Path) -> None:
    pl.select(pl.repeat(None, 6_000_000, dtype=pl.Int64).alias("year")).write_parquet(
        tmp_path / "nothing.parquet"
    )
    content = (tmp_path / "nothing.parquet").read_bytes()
    assert len(content) < LIMIT_MB * 2**20

    answer = post(content, PARQUET)

    assert (answer.status_code, answer.json()["title"]) == (413, HTTPStatus(413).phrase)


def test_uploads_are_deleted(post: Post, state: Path) -> None:
    post(REQUEST_NDJSON, NDJSON)
    post(b"", CSV)

    until(lambda: not list((state / "service" / "batches").iterdir()))


def test_no_file_is_accepted_while_the_journal_is_far_behind(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carvalue.serving.batch.batches.JOURNAL_WAIT_S", 0.2)
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    (tmp_path / "file").write_text("no folder")
    away = SecretStr(f"sqlite:///{tmp_path}/file/journal.db")
    settings = Settings(state_dir=tmp_path, journal_url=away, outbox_limit_mb=1)
    cars = written(a_market(rows=2_000, seed=4).select(NAMES), CSV)

    with serving(create_app(settings, registry=registry)) as client:
        until(lambda: client.get("/readyz").is_success)
        headers = {"content-type": CSV.media_type}
        first = client.post("/predict/batch", content=cars, headers=headers)
        second = client.post("/predict/batch", content=cars, headers=headers)
        single = client.post("/predict", json={"make": "ford", "model": "focus", "year": 2015})

    assert (first.status_code, second.status_code, single.status_code) == (200, 503, 200)
    assert second.headers["retry-after"]


def test_the_documented_example_is_the_response(post: Post) -> None:
    example = pl.read_csv(ANSWER_CSV.encode(), infer_schema=False)

    answered = pl.read_csv(post(REQUEST_CSV, CSV).content, infer_schema=False)

    assert answered.columns == example.columns
    assert answered["reason"].to_list() == example["reason"].to_list()
