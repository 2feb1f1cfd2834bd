"""Fuzzing of every parser of untrusted or possibly damaged input: it answers, or refuses with its own error.

A target is a strategy of inputs and a function that feeds one input to a parser. The function ends normally
when the parser accepted the input or refused it with a declared error; any other error is a bug.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import polars as pl
from hypothesis import strategies as st

from carvalue.api import read_listings
from carvalue.errors import AppError
from carvalue.files import MEMBER, BundleCorrupt, BundleFormatUnknown, read_bundle, write_bundle
from carvalue.files.tabular.tables import TableUnreadable, open_table
from carvalue.journal import JournalEntry, Quarantine
from carvalue.journal.framing import RecordUnreadable, frame
from carvalue.monitoring.drift.detector import DetectorState, StateIncompatible
from carvalue.monitoring.watcher.alert_conditions import AlarmChanges
from carvalue.monitoring.watcher.retraining import RetrainingTrigger
from carvalue.registry.model_version import MODEL_NAME
from carvalue.serving.auth.api_keys import InvalidKeyLine, KeyFile, StoredKey, key_digest
from carvalue.serving.http.request_body import MalformedBody, parse
from carvalue.serving.model.bundle_cache import BundleCache
from carvalue.settings import InvalidSetting, Settings, load_settings
from factories import an_entry, raw_rows, write_raw

COLUMNS = ("manufacturer", "model", "year", "odometer", "price")


@dataclass(frozen=True)
class Target:
    """A parser to fuzz.

    Attributes:
        inputs: Generates inputs.
        feed: Gives one input to the parser.
    """

    inputs: st.SearchStrategy[bytes]
    feed: Callable[[bytes], None]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def damaged(*valid: bytes) -> st.SearchStrategy[bytes]:
    """Generate any bytes, and valid ones that were cut off, overwritten, repeated or filled with zeros."""
    changes = st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 64), st.binary(max_size=16)), min_size=1, max_size=4
    )
    return st.one_of(st.binary(max_size=200), st.builds(_damage, st.sampled_from(valid), changes))


def _damage(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, removed, inserted in changes:
        start = place % (len(content) + 1)
        content = content[:start] + inserted + content[start + removed :]
    return content


def json_like(valid: Mapping[str, object]) -> st.SearchStrategy[bytes]:
    """Generate JSON: any, and a valid object with some other values, names missing or added."""
    changed = st.dictionaries(st.sampled_from(sorted(valid)) | st.text(max_size=8), VALUES, max_size=3)
    missing = st.sets(st.sampled_from(sorted(valid)), max_size=2)
    objects = st.builds(
        lambda new, gone: {name: value for name, value in {**valid, **new}.items() if name not in gone},
        changed,
        missing,
    )
    texts = (objects | VALUES).map(lambda value: json.dumps(value).encode())
    return st.one_of(texts, damaged(json.dumps(dict(valid)).encode()))


def _record(data: bytes) -> None:
    for line in (data, frame(data)):
        with suppress(RecordUnreadable):
            JournalEntry.from_line(line)


def _request(data: bytes) -> None:
    with suppress(MalformedBody, AppError):
        read_listings(parse(data))


def _table(suffix: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        with TemporaryDirectory() as folder, suppress(TableUnreadable):
            path = Path(folder, f"upload{suffix}")
            path.write_bytes(data)
            for batch in open_table(path, scratch=Path(folder), columns=COLUMNS).batches(rows=100):
                batch.to_dicts()

    return read


def _bundle(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        write_bundle(Path(folder, "bundle"), {"card.json": b"{}"})
        Path(folder, "bundle", "MANIFEST.json").write_bytes(data)
        with suppress(BundleCorrupt, BundleFormatUnknown):
            read_bundle(Path(folder, "bundle"))


def _last_good(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, "last_good.json").write_bytes(data)
        list(BundleCache(Path(folder)).bundles())


def _keys(data: bytes) -> None:
    with TemporaryDirectory() as folder, suppress(InvalidKeyLine):
        Path(folder, "keys").write_bytes(data)
        KeyFile(Path(folder, "keys")).read()


def _quarantine(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, "records.ndjson").write_bytes(data)
        quarantine = Quarantine(Path(folder))
        quarantine.add([(b"another", "reason")])
        assert any(item.record == b"another" for item in quarantine.records())
        assert quarantine.remove({item.id for item in quarantine.records()}) >= 1


def _retraining(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, "retraining.json").write_bytes(data)
        RetrainingTrigger(
            runs=_NoRuns(),
            decisions=list,
            state=Path(folder, "retraining.json"),
            on_alarm=True,
            cooldown=timedelta(hours=24),
            clock=lambda: datetime(2026, 11, 1, tzinfo=UTC),
        ).check(AlarmChanges(firing=frozenset({"drift"}), well=frozenset()))


class _NoRuns:
    def newest(self, dag: str) -> None:
        return None

    def start(self, dag: str, *, run: str, note: str) -> None:
        pass


def _detector_state(data: bytes) -> None:
    with suppress(StateIncompatible, ValueError):  # the latter only from `loads`
        content = json.loads(data)
        if isinstance(content, dict):
            DetectorState.from_json(content)


def _settings(data: bytes) -> None:
    names = sorted(Settings.model_fields)
    texts = [text.replace("\0", "") for text in data.decode(errors="replace").split("\n")]
    with TemporaryDirectory() as folder, patch.dict(os.environ):
        for place, text in enumerate(texts):
            os.environ[names[(len(text) * 7 + place) % len(names)].upper()] = text
        Path(folder, ".env").write_text("\n".join(texts), encoding="utf-8", errors="replace")
        with suppress(InvalidSetting):
            load_settings()


def _parquet() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "cars.parquet")
        pl.DataFrame({"manufacturer": ["ford"], "year": [2015], "price": [9_000.0]}).write_parquet(path)
        return path.read_bytes()


def _csv() -> bytes:
    with TemporaryDirectory() as folder:
        return write_raw(Path(folder, MEMBER), raw_rows(3)).read_bytes()


_ENTRY = an_entry(7)
_LISTING = {"manufacturer": "ford", "model": "f-150", "year": 2015, "odometer": 80_000, "state": "tx"}
_VERSION = {
    "name": MODEL_NAME,
    "version": 3,
    "run_id": "r",
    "source": "s",
    "bundle_digest": "f00d" * 16,
    "test": {"mdape": 0.1},
}
_KEY = StoredKey(client="shop", digest=key_digest("k"), created_on=date(2026, 11, 1)).line().encode()
_REQUEST = {"at": "2026-10-01T00:00:00Z", "run": "by-alarm-1", "waits": True, "uncured": ["drift"]}
_SETTING_LINES = (
    b"STATE_DIR=/tmp/x\n70000\n127.0.0.1\nhttp://h:1\nsqlite:///x.db\nshop sha256:00\n0.5\ntrue\n,"
)

TARGETS: Mapping[str, Target] = {
    "record of the outbox": Target(damaged(_ENTRY.as_line()), _record),
    "fields of a record": Target(json_like(json.loads(_ENTRY.as_line().split(b" ", 2)[2])), _record),
    "request": Target(json_like(_LISTING), _request),
    "CSV": Target(damaged(_csv()), _table(".csv")),
    "NDJSON": Target(json_like(_LISTING), _table(".ndjson")),
    "Parquet": Target(damaged(_parquet()), _table(".parquet")),
    "bundle manifest": Target(json_like({"format": 5, "sha256": {"card.json": "00"}}), _bundle),
    "last good version": Target(json_like(_VERSION), _last_good),
    "API keys": Target(damaged(_KEY, _KEY + b"\n# comment\n" + _KEY), _keys),
    "quarantine": Target(
        damaged(b'{"quarantined_at": "2026-11-01T00:00:00+00:00", "reason": "r", "record": "e30="}\n'),
        _quarantine,
    ),
    "last retraining": Target(json_like(_REQUEST), _retraining),
    "drift state": Target(json_like(DetectorState().as_json()), _detector_state),
    "settings": Target(damaged(_SETTING_LINES), _settings),
}
