"""The fake Kaggle: two calls of its API, a store that answers ranges, and faults to order.

As in the real one, GetDataset returns the current version, DownloadDataset redirects to the store, the store
hands out a file as `<name>.zip` with an `x-goog-hash` header, and an error is a status with a JSON message.
"""

import base64
import hashlib
import io
import json
import threading
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

DATASET = "austinreese/craigslist-carstrucks-data"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How one answer goes wrong."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False
    cut_after: int | None = None  # bytes of the body that still come
    wrong_hash: bool = False
    html: bool = False  # a captive portal's page under status 200


class FakeKaggle:
    """One data set with one file in one version, served until the `with` block ends."""

    def __init__(
        self,
        archive: bytes,
        *,
        version: int = 10,
        port: int = 0,
        dataset: str = DATASET,
        name: str = "vehicles.csv",
    ) -> None:
        self.archive, self.version, self.dataset, self.name = archive, version, dataset, name
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._always: dict[str, Fault] = {}
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.kaggle = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://localhost:{self._server.server_address[1]}"

    def spoil(self, call: str, *faults: Fault) -> None:
        """Let the next answers of GetDataset, DownloadDataset or store go wrong, one fault each."""
        self._faults[call].extend(faults)

    def spoil_always(self, call: str, fault: Fault) -> None:
        self._always[call] = fault

    def heal(self) -> None:
        self._faults.clear()
        self._always.clear()

    def next_fault(self, call: str) -> Fault:
        waiting = self._faults[call]
        return waiting.pop(0) if waiting else self._always.get(call, Fault())

    def calls(self, call: str) -> list[Mapping[str, str]]:
        """The headers of every request for `call`, in order."""
        return [headers for name, headers in self.requests if name == call]

    def serve_forever(self) -> None:
        self._server.serve_forever()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def zipped(csv: bytes | Path, *, member: str = "vehicles.csv") -> bytes:
    """Zip a table as Kaggle does; a zip is taken as it is."""
    content = csv if isinstance(csv, bytes) else csv.read_bytes()
    if content.startswith(b"PK\x03\x04"):
        return content
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(member), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    kaggle: FakeKaggle

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: a client that hangs up is what half of the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    server: _Server

    @property
    def kaggle(self) -> FakeKaggle:
        return self.server.kaggle

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        call = self.path.rpartition("/")[2]
        fault = self._begin(call)
        if fault is None:
            return
        if f"{query.get('ownerSlug')}/{query.get('datasetSlug')}" != self.kaggle.dataset:
            self._json({"code": 404, "message": "Dataset not found"}, status=404)
        elif call == "GetDataset":
            self._json({"ref": self.kaggle.dataset, "currentVersionNumber": self.kaggle.version})
        elif query.get("fileName", self.kaggle.name) != self.kaggle.name:
            self._json({"code": 404, "message": "File not found"}, status=404)
        else:
            self._redirect(query)

    def do_GET(self) -> None:
        fault = self._begin("store")
        if fault is None:
            return
        body = self.kaggle.archive
        start = _range_start(self.headers.get("Range"))
        self.send_response(206 if start else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("x-goog-hash", f"crc32c=AAAAAA==,md5={_md5(body, wrong=fault.wrong_hash)}")
        self.end_headers()
        self._body(body[start:], cut_after=fault.cut_after)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        if self.server.server_address[1] == 7777:  # started by hand
            super().log_message(format, *args)

    def _begin(self, call: str) -> Fault | None:
        """Record the request; answer it here and return None where a fault leaves nothing else to do."""
        self.kaggle.requests.append((call, dict(self.headers)))
        fault = self.kaggle.next_fault(call)
        if fault.hangs:
            self.kaggle.closing.wait(30)
            self.close_connection = True
            return None
        if fault.html:
            self._send(b"<html>Please log in to the airport</html>", "text/html")
            return None
        if fault.status:
            payload = {"code": fault.status, "message": f"Status {fault.status}"}
            self._json(payload, status=fault.status, headers=fault.headers)
            return None
        return fault

    def _redirect(self, query: Mapping[str, Any]) -> None:
        version = query.get("datasetVersionNumber", self.kaggle.version)
        self.send_response(302)
        host = self.headers["Host"]
        self.send_header("Location", f"http://{host}/store/{version}/{self.kaggle.name}.zip?signature=abc")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(
        self, payload: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self._send(json.dumps(payload).encode(), "application/json", status=status, headers=headers)

    def _send(
        self, body: bytes, content_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _body(self, body: bytes, *, cut_after: int | None) -> None:
        try:
            self.wfile.write(body if cut_after is None else body[:cut_after])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        if cut_after is not None:
            self.close_connection = True


def _range_start(payload: str | None) -> int:
    return int(payload.removeprefix("bytes=").partition("-")[0]) if payload else 0


def _md5(body: bytes, *, wrong: bool) -> str:
    return base64.b64encode(hashlib.md5(b"other" if wrong else body).digest()).decode()  # noqa: S324  # GCS sends MD5
