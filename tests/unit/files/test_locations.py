"""Files of a folder, a bucket and a web server are listed and read alike."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest.mock import patch

import boto3
import pytest

from buckets import fake_s3, new_bucket
from carvalue.files import NameRefused, StorageUnavailable, open_objects
from carvalue.files.locations import (
    AddressRefused,
    FileChanged,
    FilesMissing,
    FileUnreachable,
    PathUnreadable,
    list_files,
    shown,
)

NAMES = ("days/2026/05-02.csv", "days/2026/05-01.csv", "days/.part/x.csv", "days/_tmp.csv", "days/notes.txt")
NAMES += ("days-old/2025.csv", "top.csv")


def names(location: str) -> list[str]:
    return [file.name for file in list_files(location, suffixes=[".csv"])]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return str(tmp_path)


@pytest.fixture
def bucket(folder: str) -> Iterator[str]:
    with fake_s3() as address, new_bucket("cars", address=address), closing(boto3.client("s3")) as client:
        for name in NAMES:
            client.put_object(Bucket="cars", Key=name, Body=name.encode())
        client.put_object(Bucket="cars", Key="days/", Body=b"")
        yield "s3://cars"


@pytest.mark.parametrize("place", ["folder", "bucket"])
@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/days", ["2026/05-01.csv", "2026/05-02.csv"]),
        ("/days/", ["2026/05-01.csv", "2026/05-02.csv"]),
        ("/days/2026/05-02.csv", ["05-02.csv"]),
        ("/days/*/*-01.csv", ["2026/05-01.csv"]),
        ("/days*/*.csv", ["days-old/2025.csv"]),
        ("/*.csv", ["top.csv"]),
        ("", ["days-old/2025.csv", "days/2026/05-01.csv", "days/2026/05-02.csv", "top.csv"]),
    ],
)
def test_a_location_names_files(
    request: pytest.FixtureRequest, place: str, location: str, expected: list[str]
) -> None:
    root = request.getfixturevalue(place)

    assert names(f"{root}{location}") == expected


@pytest.mark.parametrize("place", ["folder", "bucket"])
@pytest.mark.parametrize(
    ("location", "expected"),
    [("/days/_tmp.csv", ["_tmp.csv"]), ("/days/.part/x.csv", ["x.csv"]), ("/days/_*.csv", [])],
)
def test_only_what_a_listing_finds_can_be_hidden(
    request: pytest.FixtureRequest, place: str, location: str, expected: list[str]
) -> None:
    root = request.getfixturevalue(place)
    if expected:
        assert names(f"{root}{location}") == expected
    else:
        with pytest.raises(FilesMissing):
            names(f"{root}{location}")


@pytest.mark.parametrize(
    ("location", "key"), [("s3://cars/days", "days//etc/x.csv"), ("s3://cars", "/x.csv")]
)
@pytest.mark.usefixtures("bucket")
def test_an_object_whose_name_is_an_absolute_path_is_refused(location: str, key: str) -> None:
    with closing(boto3.client("s3")) as client:
        client.put_object(Bucket="cars", Key=key, Body=b"id")
        with pytest.raises(NameRefused, match=r"x.csv' has an empty part"):
            names(location)


@pytest.mark.parametrize("name", ["/x.csv", "../x.csv", "days/../../x.csv", "days//x.csv", "./x.csv"])
def test_a_name_that_leads_out_of_a_folder_is_not_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    objects = open_objects(f"file://{tmp_path}/out")

    with pytest.raises(NameRefused):
        objects.write(name, b"")
    with pytest.raises(NameRefused):
        objects.upload(tmp_path / "file", name)

    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


@pytest.mark.parametrize(
    ("place", "location", "address", "root"),
    [
        ("folder", "/link/*.csv", "/days/2026/05-01.csv", "/days/2026"),
        ("folder", "/days/../days/2026/05-01.csv", "/days/2026/05-01.csv", "/days/2026"),
        ("bucket", "/days", "/days/2026/05-01.csv", "/days"),
        ("bucket", "/days/2026/05-01.csv", "/days/2026/05-01.csv", "/days/2026"),
        ("bucket", "/*/*/*.csv", "/days/2026/05-01.csv", ""),
    ],
)
def test_an_address_has_one_spelling(
    request: pytest.FixtureRequest, folder: str, place: str, location: str, address: str, root: str
) -> None:
    Path(folder, "link").symlink_to(Path(folder, "days", "2026"))
    base = request.getfixturevalue(place)

    first = list_files(f"{base}{location}", suffixes=[".csv"])[0]

    assert (first.address, first.root) == (f"{base}{address}", f"{base}{root}")


def test_a_file_that_is_deleted_while_files_are_listed_is_left_out(folder: str) -> None:
    stat = Path.stat

    def deleting(path: Path, **rest: bool) -> object:
        found = stat(path, **rest)
        if path.name == "05-01.csv":
            path.unlink()
        return found

    with patch.object(Path, "stat", deleting):
        found = names(f"{folder}/days/2026/*")

    assert "05-02.csv" in found
    assert names(f"{folder}/days/2026") == ["05-02.csv"]


@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_a_location_without_files_is_named(request: pytest.FixtureRequest, place: str) -> None:
    root = request.getfixturevalue(place)

    with pytest.raises(FilesMissing, match=r"days/\*.zip has no file that ends in .csv"):
        names(f"{root}/days/*.zip")


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PathUnreadable, match=r"gone cannot be read: No such file or directory"):
        names(str(tmp_path / "gone"))


def test_a_folder_that_may_not_be_read_is_named(folder: str) -> None:
    with (
        patch.object(Path, "iterdir", side_effect=PermissionError(13, "Permission denied")),
        pytest.raises(PathUnreadable, match=r"days cannot be read: Permission denied"),
    ):
        names(f"{folder}/days")


def test_an_object_is_read_in_the_version_that_was_listed(bucket: str, tmp_path: Path) -> None:
    (file,) = list_files(f"{bucket}/top.csv", suffixes=[".csv"])
    with file.opened(tmp_path / "scratch") as path:
        content = path.read_text()
    with closing(boto3.client("s3")) as client:
        client.put_object(Bucket="cars", Key="top.csv", Body=b"another")

    with pytest.raises(FileChanged, match=r"s3://cars/top.csv changed"), file.opened(tmp_path / "scratch"):
        pass

    assert (content, path.suffix) == ("top.csv", ".csv")
    assert not list((tmp_path / "scratch").iterdir())
    (changed,) = list_files(f"{bucket}/top.csv", suffixes=[".csv"])
    assert changed.version != file.version


def test_a_bucket_that_does_not_exist_is_named(bucket: str) -> None:
    with pytest.raises(StorageUnavailable, match=r"s3://boats/days.*bucket does not exist"):
        names("s3://boats/days")


class Site(BaseHTTPRequestHandler):
    content, etag, requests, redirect = b"id\n1\n", '"1"', 0, ""

    def do_GET(self) -> None:
        type(self).requests += 1
        if self.path.startswith("/gone"):
            self.send_error(403)
            return
        if self.redirect and not self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", self.redirect)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        if self.etag:
            self.send_header("ETag", self.etag)
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def website(**changes: object) -> Iterator[tuple[str, type[Site]]]:
    """Serve one content at every path."""
    handler = type("OneSite", (Site,), changes)
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def test_addresses_are_files_with_the_version_that_the_server_states(tmp_path: Path) -> None:
    with website() as (root, site):
        first, second = list_files(f"{root}/b/2.csv?key=1 {root}/a/1.csv", suffixes=[".csv"])
        with first.opened(tmp_path) as path:
            content = path.read_bytes()
        site.etag = '"2"'
        with pytest.raises(FileChanged, match=r"/b/2.csv changed"), second.opened(tmp_path):
            pass

    assert content == b"id\n1\n"
    assert (first.version, first.name.partition("/")[2]) == ('"1"', "a/1.csv")


def test_addresses_and_redirects_are_encrypted_unless_this_machine_is_named() -> None:
    with website() as (root, site):
        site.redirect = f"{root}/moved/2.csv"
        (found,) = list_files(f"{root}/1.csv", suffixes=[".csv"])
        site.redirect = "http://169.254.169.254/latest/1.csv?key=secret"
        with pytest.raises(AddressRefused, match=r"^http://169.254.169.254/latest/1.csv is not encrypted"):
            names(f"{root}/1.csv")
        site.redirect = f"{root.replace('127.0.0.1', 'localhost')}/moved/1.csv"
        with pytest.raises(AddressRefused, match="http://localhost"):
            names(f"{root}/1.csv")
    with pytest.raises(AddressRefused, match=r"^http://cars.example/1.csv is not encrypted: expected https"):
        names("http://shop:secret@cars.example/1.csv")

    assert found.version == '"1"'


def test_the_address_of_a_web_file_has_no_password() -> None:
    with website() as (root, _):
        (found,) = list_files(f"{root.replace('//', '//shop:secret@')}/1.csv?day=1", suffixes=[".csv"])

    assert (found.address, found.root) == (f"{root}/1.csv?day=1", "")


def test_a_file_without_a_version_is_new_each_time() -> None:
    with website(etag="") as (root, _):
        one, other = (list_files(f"{root}/1.csv", suffixes=[".csv"])[0].version for _ in range(2))

    assert one != other


def test_an_address_that_is_refused_is_shown_without_its_secrets() -> None:
    with website() as (root, _), pytest.raises(FileUnreachable) as refused:
        names(f"{root.replace('//', '//shop:secret@')}/gone.csv?token=secret")
    with pytest.raises(FileUnreachable, match=r"http://127.0.0.1:1/x.csv cannot be read"):
        names("http://127.0.0.1:1/x.csv?token=secret")

    assert "/gone.csv cannot be read: the server answered 403." in refused.value.message
    assert "secret" not in str(refused.value)
    assert shown("days/*.csv") == "days/*.csv"
