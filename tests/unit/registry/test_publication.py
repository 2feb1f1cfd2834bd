"""The version in production is published at each switch, and read from there without the registry."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from buckets import fake_s3, new_bucket
from carvalue.files import (
    SIGNATURE,
    BundleCorrupt,
    BundleUntrusted,
    Objects,
    PublicKey,
    SigningKey,
    StorageUnavailable,
    open_objects,
    write_bundle,
)
from carvalue.journal import DecisionLog, Journal
from carvalue.registry import (
    NothingToPublish,
    Publication,
    PublicationUnavailable,
    PublishedReader,
    Registry,
)
from fakes import FakeRegistry
from signing_keys import a_key_pair

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with fake_s3() as address:
        yield address


@pytest.fixture(params=["file", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Objects]:
    if request.param == "file":
        yield open_objects(f"file://{tmp_path}/published")
        return
    with new_bucket(tmp_path.name, address=request.getfixturevalue("s3")):
        yield open_objects(f"s3://{tmp_path.name}/published")


class Site:
    """A registry with two versions that publishes to a place, and readers of that place."""

    def __init__(self, objects: Objects, folder: Path) -> None:
        self.objects, self.folder, self.store = objects, folder, FakeRegistry()
        self.private, self.public = a_key_pair(folder / "keys")
        for number in (1, 2):
            bundle = folder / f"bundle{number}"
            write_bundle(bundle, {"card.json": b'{"number": %d}' % number})
            self.store._add(bundle, number)
        self.log = DecisionLog(Journal(f"sqlite:///{folder}/journal.db"))

    def registry(self, *, signed: bool = True) -> Registry:
        publication = Publication(self.objects, key=SigningKey(self.private) if signed else None)
        return Registry(
            self.store, self.log, verify=lambda folder: None, publication=publication, clock=lambda: NOW
        )

    def reader(
        self, *, unsigned: Literal["refuse", "accept"] = "refuse", public: Path | None = None
    ) -> PublishedReader:
        key = PublicKey(public or self.public)
        return PublishedReader(self.objects, key=key, unsigned=unsigned, registry=lambda: self.store)

    def read(self, reader: PublishedReader | None = None) -> bytes:
        """Download what is in production; give the content of its card."""
        reader = reader or self.reader()
        version = reader.champion()
        assert version is not None
        return (reader.download(version, into=self.folder / "read") / "card.json").read_bytes()


@pytest.fixture
def site(objects: Objects, tmp_path: Path) -> Site:
    return Site(objects, tmp_path)


@pytest.fixture
def local(tmp_path: Path) -> Site:
    return Site(open_objects(f"file://{tmp_path}/published"), tmp_path)


def test_promotions_and_rollbacks_are_published(site: Site) -> None:
    registry, read = site.registry(), []
    assert site.reader().champion() is None

    for number in (1, 2):
        registry.promote(number, by="ann")
        read.append(site.read())
    registry.rollback(by="ann")
    site.store.is_down = True
    read.append(site.read())

    assert read == [b'{"number": 1}', b'{"number": 2}', b'{"number": 1}']
    version = site.reader().champion()
    assert version is not None
    assert (version.version, version.run_id) == (1, "run1")


def test_a_changed_bundle_is_refused(local: Site) -> None:
    local.registry().promote(1, by="ann")
    folder = next((local.folder / "published").glob("1-*"))
    write_bundle(local.folder / "other", {"card.json": b'{"number": 9}'})
    for name in ("card.json", "MANIFEST.json"):  # a whole bundle, but not the one that was signed
        (folder / name).write_bytes((local.folder / "other" / name).read_bytes())

    with pytest.raises(BundleUntrusted, match="not the file that was signed"):
        local.read()
    assert not (local.folder / "read").exists()

    with pytest.raises(BundleCorrupt, match="not the one registered"):  # also without a key
        local.read(PublishedReader(local.objects, key=None, unsigned="accept", registry=FakeRegistry))


@pytest.mark.parametrize("lost", ["version.json", "card.json", "MANIFEST.json"])
def test_a_missing_file_is_reported(local: Site, lost: str) -> None:
    local.registry().promote(1, by="ann")
    version = local.reader().champion()
    assert version is not None
    next((local.folder / "published").glob(f"1-*/{lost}")).unlink()

    with pytest.raises(BundleUntrusted, match=lost):
        local.reader().download(version, into=local.folder / "read")


def test_an_unsigned_bundle_is_refused_or_accepted_as_set(local: Site) -> None:
    local.registry(signed=False).promote(1, by="ann")

    with pytest.raises(BundleUntrusted, match="no signature"):
        local.read()
    assert local.read(local.reader(unsigned="accept")) == b'{"number": 1}'


def test_a_signature_of_another_key_is_refused_also_where_unsigned_ones_are_accepted(local: Site) -> None:
    local.registry().promote(1, by="ann")
    _, other = a_key_pair(local.folder / "other")

    with pytest.raises(BundleUntrusted, match="another key"):
        local.read(local.reader(public=other, unsigned="accept"))


@pytest.mark.parametrize(
    "pointer", [b"", b"{}", b"[]", b'{"folder": "../keys"}', b'{"format": 9, "folder": "1-0"}']
)
def test_a_damaged_pointer_counts_as_unavailable(local: Site, pointer: bytes) -> None:
    local.registry().promote(1, by="ann")
    local.objects.write("production.json", pointer)

    with pytest.raises(PublicationUnavailable, match="does not name a published version"):
        local.reader().champion()


def test_a_switch_that_could_not_be_published_is_completed_by_the_next_command(
    local: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = local.registry()
    registry.promote(1, by="ann")
    with monkeypatch.context() as patch:
        patch.setattr(local.objects, "write", lambda key, content: fail(key))
        with pytest.raises(StorageUnavailable):
            registry.promote(2, by="ann")
        assert local.read() == b'{"number": 1}'

    assert registry.publish().version == 2

    assert local.read() == b'{"number": 2}'
    assert [item.version for item in registry.history()] == [1, 2]


def fail(key: str) -> None:
    raise StorageUnavailable(f"{key} cannot be written.")


def test_publish_needs_a_version_and_a_place(local: Site) -> None:
    with pytest.raises(NothingToPublish, match="no version in production"):
        local.registry().publish()
    without = Registry(local.store, local.log, verify=lambda folder: None)
    with pytest.raises(NothingToPublish, match="BUNDLE_URL"):
        without.publish()


def test_the_challenger_comes_from_the_registry(local: Site) -> None:
    registry = local.registry()
    registry.promote(1, by="ann")
    registry.challenge(2)
    reader = local.reader()

    challenger = reader.challenger()

    assert challenger is not None
    folder = reader.download(challenger, into=local.folder / "challenger")
    assert (folder / "card.json").read_bytes() == b'{"number": 2}'
    assert (
        local.folder / "published" / f"1-{local.store.versions()[1].bundle_digest[:12]}" / SIGNATURE
    ).is_file()
