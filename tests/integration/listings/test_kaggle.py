"""Kaggle through the real kagglehub, against a server that speaks its protocol and can be made to fail."""

import hashlib
import io
import logging
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from kagglehub import clients
from kagglesdk import kaggle_env

from carvalue.errors import AppError
from carvalue.files.archives import ZipUnusable
from carvalue.listings.sources.fetch import GeneratedDataRefused, SampleRequest, fetch_listings
from carvalue.listings.sources.kaggle import KaggleRequest, probe, read_kaggle
from carvalue.listings.sources.kaggle_errors import (
    KaggleArchiveUnusable,
    KaggleBusy,
    KaggleCorrupt,
    KaggleDown,
    KaggleFailed,
    KaggleForbidden,
    KaggleInterrupted,
    KaggleNotFound,
    KaggleUnreachable,
)
from carvalue.listings.sources.raw import ColumnsChanged, FileEmpty, RawListings
from carvalue.listings.synthetic.writer import write_sample
from fake_kaggle import FakeKaggle, Fault, zipped

REQUEST = KaggleRequest(dataset="austinreese/craigslist-carstrucks-data", timeout_s=5)
PINNED = KaggleRequest(dataset="austinreese/craigslist-carstrucks-data/versions/10", timeout_s=5)
IMPATIENT = KaggleRequest(dataset=REQUEST.dataset, timeout_s=0.2)
SAMPLE = SampleRequest(rows=1_000)
USER_AGENT = cache(clients.get_user_agent)  # looks for Keras in each frame of the stack, for seconds


class Waits(list[float]):
    """Stand in for time.sleep, and remember."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("table") / "vehicles.csv"
    write_sample(path, rows=600, seed=5)
    return path.read_bytes()


@pytest.fixture
def kaggle(table: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeKaggle]:
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLEHUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    monkeypatch.setattr(clients, "get_user_agent", USER_AGENT)
    monkeypatch.setattr(clients, "CHUNK_SIZE", 1_000)  # what came in part of a chunk is lost
    with FakeKaggle(zipped(table)) as running:
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.TEST, running.url)
        yield running


def test_the_current_version_is_downloaded_and_described(
    kaggle: FakeKaggle, table: bytes, tmp_path: Path
) -> None:
    seen: list[tuple[int, int | None]] = []

    raw = read_kaggle(REQUEST, into=tmp_path, progress=lambda here, total: seen.append((here, total)))

    assert raw.path.read_bytes() == table
    assert (raw.kind, raw.description) == ("kaggle", f"Kaggle {REQUEST.dataset}, version 10")
    assert raw.fingerprint == f"sha256:{hashlib.sha256(table).hexdigest()}"
    assert raw.path.is_relative_to(tmp_path)
    assert (seen[0][0], seen[-1]) == (0, (len(kaggle.archive), len(kaggle.archive)))


def test_public_data_is_requested_without_credentials(kaggle: FakeKaggle, tmp_path: Path) -> None:
    read_kaggle(REQUEST, into=tmp_path)

    assert all("Authorization" not in headers for _, headers in kaggle.requests)


def test_given_credentials_are_used(
    kaggle: FakeKaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a-token")

    read_kaggle(REQUEST, into=tmp_path)

    assert kaggle.calls("DownloadDataset")[0]["Authorization"] == "Bearer a-token"


def test_nothing_is_printed(kaggle: FakeKaggle, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read_kaggle(REQUEST, into=tmp_path)

    assert capfd.readouterr() == ("", "")


def test_progress_is_logged_without_a_callback(
    kaggle: FakeKaggle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="carvalue"):
        read_kaggle(REQUEST, into=tmp_path)

    assert "downloading from Kaggle" in caplog.messages


def test_a_version_is_downloaded_once(kaggle: FakeKaggle, tmp_path: Path) -> None:
    first = read_kaggle(REQUEST, into=tmp_path)
    second = read_kaggle(REQUEST, into=tmp_path)

    assert first == second
    assert len(kaggle.calls("store")) == 1


def test_a_new_version_does_not_replace_the_old_one(kaggle: FakeKaggle, tmp_path: Path, table: bytes) -> None:
    old = read_kaggle(REQUEST, into=tmp_path)
    kaggle.version, kaggle.archive = 11, zipped(table + table.splitlines(keepends=True)[-1])

    new = read_kaggle(REQUEST, into=tmp_path)

    assert new.description.endswith("version 11")
    assert old.path != new.path
    assert old.path.read_bytes() == table


def test_a_downloaded_pinned_version_works_offline(
    kaggle: FakeKaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = read_kaggle(PINNED, into=tmp_path)
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.TEST, "http://localhost:9")

    assert read_kaggle(PINNED, into=tmp_path) == online


def test_an_interrupted_download_is_resumed(kaggle: FakeKaggle, tmp_path: Path, table: bytes) -> None:
    kaggle.spoil("store", Fault(cut_after=20_000))
    waits = Waits()

    raw = read_kaggle(REQUEST, into=tmp_path, sleep=waits)

    assert raw.path.read_bytes() == table
    assert [headers.get("Range") for headers in kaggle.calls("store")] == [None, None, "bytes=20000-"]
    assert waits == [1.0]


@pytest.mark.slow
def test_the_next_run_resumes_a_failed_download(kaggle: FakeKaggle, tmp_path: Path, table: bytes) -> None:
    kaggle.spoil_always("store", Fault(cut_after=1_000))
    with pytest.raises(KaggleInterrupted, match="Run again: the download continues where it stopped"):
        read_kaggle(REQUEST, into=tmp_path, sleep=Waits())
    kaggle.heal()

    raw = read_kaggle(REQUEST, into=tmp_path)

    assert raw.path.read_bytes() == table
    assert kaggle.calls("store")[-1]["Range"] == "bytes=5000-"


def test_a_wrong_checksum_causes_one_more_download(kaggle: FakeKaggle, tmp_path: Path, table: bytes) -> None:
    kaggle.spoil("store", Fault(wrong_hash=True))

    raw = read_kaggle(REQUEST, into=tmp_path, sleep=Waits())

    assert raw.path.read_bytes() == table
    assert len(kaggle.calls("store")) == 2


def test_retry_after_is_obeyed(kaggle: FakeKaggle, tmp_path: Path, table: bytes) -> None:
    kaggle.spoil("GetDataset", Fault(status=429, headers={"Retry-After": "7"}))
    kaggle.spoil("DownloadDataset", Fault(status=429), Fault(status=503))
    waits = Waits()

    raw = read_kaggle(REQUEST, into=tmp_path, sleep=waits)

    assert raw.path.read_bytes() == table
    assert waits == [7.0, 2.0, 4.0]


def test_a_zip_under_the_name_of_the_table_is_unpacked(
    kaggle: FakeKaggle, tmp_path: Path, table: bytes
) -> None:
    path = tmp_path / "kagglehub/datasets" / REQUEST.dataset / "versions/10/vehicles.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(kaggle.archive)  # as kagglehub leaves it when it is ended before it unpacks

    raw = read_kaggle(REQUEST, into=tmp_path)

    assert raw.path.read_bytes() == table


def test_a_damaged_zip_under_the_name_of_the_table_is_deleted(
    kaggle: FakeKaggle, tmp_path: Path, table: bytes
) -> None:
    path = tmp_path / "kagglehub/datasets" / REQUEST.dataset / "versions/10/vehicles.csv"
    path.parent.mkdir(parents=True)
    damaged = bytearray(kaggle.archive)
    damaged[5_000] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(ZipUnusable):
        read_kaggle(REQUEST, into=tmp_path)

    raw = read_kaggle(REQUEST, into=tmp_path)

    assert raw.path.read_bytes() == table


def test_a_partially_unpacked_table_is_detected(kaggle: FakeKaggle, tmp_path: Path, table: bytes) -> None:
    path = tmp_path / "kagglehub/datasets" / REQUEST.dataset / "versions/10/vehicles.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(table[:10_000])  # as kagglehub leaves it when it is ended while it unpacks

    raw = read_kaggle(REQUEST, into=tmp_path, sleep=Waits())

    assert raw.path.read_bytes() == table


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "fault", "request_", "error", "message", "advice", "attempts"),
    [
        (
            "DownloadDataset",
            Fault(status=403),
            REQUEST,
            KaggleForbidden,
            "status 403",
            "accept the data set's terms",
            1,
        ),
        (
            "GetDataset",
            Fault(status=401),
            REQUEST,
            KaggleForbidden,
            "status 401",
            "unset wrong credentials",
            1,
        ),
        ("GetDataset", Fault(status=404), REQUEST, KaggleNotFound, "status 404", "Check KAGGLE_DATASET", 1),
        ("DownloadDataset", Fault(status=429), REQUEST, KaggleBusy, "status 429", "Try again later", 4),
        ("DownloadDataset", Fault(status=503), REQUEST, KaggleDown, "status 503", "Try again later", 4),
        ("store", Fault(status=500), REQUEST, KaggleDown, "status 500", "Try again later", 4),
        (
            "GetDataset",
            Fault(hangs=True),
            IMPATIENT,
            KaggleUnreachable,
            "in time",
            "raise KAGGLE_TIMEOUT_S",
            3,
        ),
        ("store", Fault(hangs=True), IMPATIENT, KaggleUnreachable, "in time", "raise KAGGLE_TIMEOUT_S", 3),
        (
            "store",
            Fault(wrong_hash=True),
            REQUEST,
            KaggleCorrupt,
            "another checksum",
            "a proxy that alters",
            2,
        ),
        (
            "GetDataset",
            Fault(html=True),
            REQUEST,
            KaggleUnreachable,
            "is not from Kaggle",
            "Check the network",
            3,
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_failure_is_explained_and_keeps_earlier_data(
    kaggle: FakeKaggle,
    tmp_path: Path,
    call: str,
    fault: Fault,
    request_: KaggleRequest,
    error: type[KaggleFailed],
    message: str,
    advice: str,
    attempts: int,
) -> None:
    earlier = the_earlier_version(kaggle, tmp_path)
    kaggle.spoil_always(call, fault)
    waits = Waits()

    with pytest.raises(error) as caught:
        read_kaggle(request_, into=tmp_path, sleep=waits)

    assert message in caught.value.message
    assert advice in str(caught.value)
    assert "DATA_SOURCE" in str(caught.value)
    assert len(waits) == attempts - 1
    assert_whole(earlier)


@pytest.mark.parametrize(
    ("archive", "error", "message"),
    [
        (zipped(b"a,b\n1,2\n", member="cars.csv"), KaggleArchiveUnusable, "no item named 'vehicles.csv'"),
        (zipped(b"id,make\n1,ford\n"), ColumnsChanged, "version 11, lacks columns 'url', 'region'"),
        (zipped(b""), FileEmpty, "version 11, is empty"),
    ],
)
def test_an_unusable_archive_is_refused_and_keeps_earlier_data(
    kaggle: FakeKaggle, tmp_path: Path, archive: bytes, error: type[AppError], message: str
) -> None:
    earlier = the_earlier_version(kaggle, tmp_path)
    kaggle.archive = archive

    with pytest.raises(error, match=message):
        read_kaggle(REQUEST, into=tmp_path, sleep=Waits())

    assert_whole(earlier)


def test_a_renamed_column_is_named(kaggle: FakeKaggle, tmp_path: Path, table: bytes) -> None:
    kaggle.archive = zipped(table.replace(b"odometer", b"mileage", 1))

    with pytest.raises(ColumnsChanged, match="lacks column 'odometer', and has the unknown column 'mileage'"):
        read_kaggle(REQUEST, into=tmp_path)


def test_a_damaged_archive_with_a_correct_checksum_is_refused(kaggle: FakeKaggle, tmp_path: Path) -> None:
    damaged = bytearray(kaggle.archive)
    damaged[5_000] ^= 0xFF
    kaggle.archive = bytes(damaged)

    with pytest.raises(KaggleArchiveUnusable, match="cannot be unpacked"):
        read_kaggle(REQUEST, into=tmp_path)


@pytest.mark.parametrize("dataset", ["no-slash", "a/b/versions/x", "a/b/c"])
def test_an_invalid_handle_is_refused(kaggle: FakeKaggle, tmp_path: Path, dataset: str) -> None:
    with pytest.raises(KaggleFailed, match="kagglehub refused"):
        read_kaggle(KaggleRequest(dataset=dataset), into=tmp_path)


def test_auto_uses_kaggle_if_it_responds(kaggle: FakeKaggle, tmp_path: Path) -> None:
    raw = fetch_listings(source="auto", into=tmp_path, kaggle=REQUEST, sample=SAMPLE)

    assert raw.kind == "kaggle"


@pytest.mark.parametrize("fault", [Fault(status=404), Fault(status=429), Fault(hangs=True), Fault(html=True)])
def test_auto_falls_back_to_the_sample_with_a_warning(
    kaggle: FakeKaggle, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    kaggle.spoil_always("GetDataset", fault)

    raw = fetch_listings(source="auto", into=tmp_path, kaggle=IMPATIENT, sample=SAMPLE)

    assert raw.kind == "sample"
    assert "bundled sample" in raw.description
    assert "(Kaggle " in raw.description or "is not from Kaggle" in raw.description
    warning = next(record for record in caplog.records if record.levelno == logging.WARNING)
    assert warning.message == "using the bundled sample instead of Kaggle's data"


def test_auto_does_not_fall_back_to_the_sample_where_generated_data_are_refused(
    kaggle: FakeKaggle, tmp_path: Path
) -> None:
    kaggle.spoil_always("GetDataset", Fault(status=503))

    with pytest.raises(GeneratedDataRefused, match=r"Kaggle .*Generated ones are refused"):
        fetch_listings(source="auto", into=tmp_path, kaggle=IMPATIENT, sample=None)


def test_auto_prefers_earlier_data_to_the_sample(
    kaggle: FakeKaggle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    earlier, _ = the_earlier_version(kaggle, tmp_path)
    kaggle.spoil_always("GetDataset", Fault(status=503))

    raw = fetch_listings(source="auto", into=tmp_path, kaggle=REQUEST, sample=SAMPLE)

    assert (raw.kind, raw.path) == ("kaggle", earlier.path)
    assert raw.description == f"{earlier.description} (Kaggle has an internal error (status 503))"
    assert "using Kaggle's data from an earlier run" in caplog.messages


def test_auto_uses_only_the_pinned_version(kaggle: FakeKaggle, tmp_path: Path) -> None:
    the_earlier_version(kaggle, tmp_path)
    kaggle.spoil_always("GetDataset", Fault(status=503))
    other = KaggleRequest(dataset=PINNED.dataset.replace("10", "9"))

    assert fetch_listings(source="auto", into=tmp_path, kaggle=other, sample=SAMPLE).kind == "sample"
    assert fetch_listings(source="auto", into=tmp_path, kaggle=PINNED, sample=SAMPLE).kind == "kaggle"


def test_auto_ignores_an_incomplete_earlier_download(kaggle: FakeKaggle, tmp_path: Path) -> None:
    kaggle.spoil_always("store", Fault(cut_after=5_000))
    with pytest.raises(KaggleInterrupted):
        read_kaggle(REQUEST, into=tmp_path, sleep=Waits())
    kaggle.spoil_always("GetDataset", Fault(status=503))

    assert fetch_listings(source="auto", into=tmp_path, kaggle=REQUEST, sample=SAMPLE).kind == "sample"


def test_auto_does_not_fall_back_after_kaggle_responded(kaggle: FakeKaggle, tmp_path: Path) -> None:
    kaggle.spoil_always("DownloadDataset", Fault(status=403))

    with pytest.raises(KaggleForbidden):
        fetch_listings(source="auto", into=tmp_path, kaggle=REQUEST, sample=SAMPLE)


def test_the_source_kaggle_never_falls_back(kaggle: FakeKaggle, tmp_path: Path) -> None:
    kaggle.spoil_always("GetDataset", Fault(status=404))

    with pytest.raises(KaggleNotFound):
        fetch_listings(source="kaggle", into=tmp_path, kaggle=REQUEST, sample=SAMPLE)

    assert not list(tmp_path.rglob("*.csv"))


def test_the_version_request_has_a_time_limit(kaggle: FakeKaggle, tmp_path: Path) -> None:
    kaggle.spoil_always("GetDataset", Fault(hangs=True))

    silence = probe(REQUEST, deadline_s=0.1)

    assert isinstance(silence, KaggleUnreachable)
    assert silence.message == "Kaggle did not answer within 0.1 seconds."


def test_the_replaced_functions_of_kagglehub_are_restored(kaggle: FakeKaggle, tmp_path: Path) -> None:
    import kagglehub

    before = (kagglehub.clients.tqdm, kagglehub.http_resolver.build_kaggle_client)

    read_kaggle(REQUEST, into=tmp_path)

    assert (kagglehub.clients.tqdm, kagglehub.http_resolver.build_kaggle_client) == before


def test_a_zip_and_its_table_have_the_same_fingerprint(kaggle: FakeKaggle, tmp_path: Path) -> None:
    archive = tmp_path / "mine.zip"
    archive.write_bytes(kaggle.archive)

    by_path = fetch_listings(source=str(archive), into=tmp_path / "file", kaggle=REQUEST, sample=SAMPLE)
    by_kaggle = fetch_listings(source="kaggle", into=tmp_path / "kaggle", kaggle=REQUEST, sample=SAMPLE)

    assert by_path.fingerprint == by_kaggle.fingerprint


def the_earlier_version(kaggle: FakeKaggle, folder: Path) -> tuple[RawListings, bytes]:
    raw = read_kaggle(REQUEST, into=folder)
    kaggle.version += 1
    kaggle.requests.clear()
    return raw, raw.path.read_bytes()


def assert_whole(earlier: tuple[RawListings, bytes]) -> None:
    raw, content = earlier
    assert raw.path.read_bytes() == content
    assert zipfile.is_zipfile(io.BytesIO(content)) is False
