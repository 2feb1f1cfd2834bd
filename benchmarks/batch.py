"""Measure how the price service handles a large file: `python -m benchmarks.batch BUNDLE` (several minutes).

A service with its journal on gets a file of a million generated listings in each format, while one client
requests single quotes. Prints rows a second, the highest memory of the service and of the process that reads
the upload, and how long the single quotes took, and writes `results/batch.json`.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread

import httpx
import polars as pl
import psutil
from benchmarks.journal_cost import price_service
from benchmarks.results import describe_model, save

from carvalue.listings.schema import FIELDS
from carvalue.listings.synthetic.writer import write_sample
from carvalue.serving.batch.formats import FORMATS, BatchFormat
from carvalue.serving.openapi.predict import F150

DRAWN_ROWS = 100_000  # generating more takes longer than pricing them


class Memory:
    """The highest resident memory of a process, and of its child, in MB."""

    def __init__(self) -> None:
        self.service = self.reader = 0

    def watch(self, pid: int, stop: Event) -> None:
        """Sample until stopped."""
        service = psutil.Process(pid)
        while not stop.wait(0.1):
            self.service = max(self.service, service.memory_info().rss // 2**20)
            for child in service.children():
                try:
                    self.reader = max(self.reader, child.memory_info().rss // 2**20)
                except psutil.NoSuchProcess:
                    continue


@contextmanager
def meanwhile(*work: Callable[[Event], None]) -> Iterator[None]:
    """Run a function in a thread until the block ends."""
    stop = Event()
    threads = [Thread(target=one, args=(stop,)) for one in work]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def ask_single(url: str, times: list[float], stop: Event) -> None:
    """Request twenty single quotes a second."""
    with httpx.Client(base_url=url, timeout=60) as client:
        while not stop.wait(0.05):
            began = time.perf_counter()
            client.post("/predict", json=dict(F150)).raise_for_status()
            times.append(1_000 * (time.perf_counter() - began))


def cpu_seconds(pid: int) -> float:
    """Tell how long a process and the children that ended have worked; single quotes are in it."""
    spent = psutil.Process(pid).cpu_times()
    return float(spent.user + spent.system + spent.children_user + spent.children_system)


def write(frame: pl.DataFrame, kind: BatchFormat, path: Path) -> None:
    """Write the upload."""
    ways: dict[str, Callable[[Path], object]] = {
        ".csv": frame.write_csv,
        ".ndjson": frame.write_ndjson,
        ".parquet": lambda into: frame.write_parquet(into, row_group_size=100_000),
        ".arrow": frame.write_ipc_stream,
    }
    ways[kind.suffix](path)


def upload(url: str, kind: BatchFormat, path: Path) -> tuple[float, int]:
    """Send a file and read the whole answer; give the seconds and the bytes of the answer."""
    began, came = time.perf_counter(), 0
    with (
        path.open("rb") as file,
        httpx.stream(
            "POST",
            f"{url}/predict/batch",
            content=file,
            headers={"content-type": kind.media_type, "content-length": str(path.stat().st_size)},
            timeout=1_200,
        ) as answer,
    ):
        answer.raise_for_status()
        for piece in answer.iter_raw():
            came += len(piece)
    return time.perf_counter() - began, came


def main() -> None:
    """Measure each format, and write the results."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("bundle", type=Path)
    given.add_argument("--rows", type=int, default=1_000_000)
    given.add_argument("--formats", nargs="*", default=[kind.suffix for kind in FORMATS])
    chosen = given.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        frame = listings(Path(folder), rows=chosen.rows)
        for kind in FORMATS:
            if kind.suffix in chosen.formats:
                rows.append(measure(frame, kind, bundle=chosen.bundle, folder=Path(folder)))
                print(rows[-1], flush=True)
    command = f"python -m benchmarks.batch BUNDLE --rows {chosen.rows}"
    save("batch", {"formats": rows}, command=command, model=describe_model(chosen.bundle))


def listings(folder: Path, *, rows: int) -> pl.DataFrame:
    """Generate listings."""
    write_sample(folder / "sample.csv", rows=DRAWN_ROWS)
    names = [field.name for field in FIELDS]
    drawn = pl.read_csv(folder / "sample.csv", columns=names, infer_schema=False)
    return pl.concat([drawn] * (rows // DRAWN_ROWS + 1))[:rows]


def measure(frame: pl.DataFrame, kind: BatchFormat, *, bundle: Path, folder: Path) -> dict[str, str | float]:
    """Measure one format with a service that was just started."""
    path = folder / f"upload{kind.suffix}"
    write(frame, kind, path)
    with price_service(bundle, mode="with") as (port, pid), ThreadPoolExecutor(1) as pool:
        url, memory, times = f"http://127.0.0.1:{port}", Memory(), list[float]()
        before = cpu_seconds(pid)
        with meanwhile(lambda stop: memory.watch(pid, stop), lambda stop: ask_single(url, times, stop)):
            seconds, came = pool.submit(upload, url, kind, path).result()
        spent = cpu_seconds(pid) - before
    upload_mb = round(path.stat().st_size / 1e6)
    path.unlink()
    return {
        "format": kind.suffix,
        "rows": frame.height,
        "upload MB": upload_mb,
        "response MB": round(came / 1e6),
        "s": round(seconds),
        "rows/s": round(frame.height / seconds),
        "CPU us a row": round(1e6 * spent / frame.height),
        "service MB": memory.service,
        "reader MB": memory.reader,
        "single quote p50 ms": round(median(times), 1),
        "single quote p99 ms": round(quantiles(times, n=100)[98], 1),
    }


if __name__ == "__main__":
    main()
