"""Measure uploads of large files: `python -m benchmarks.batch BUNDLE` (several minutes).

A service with its journal receives a file of a million generated listings in each format, while one client
requests single quotes. Writes rows per second, the peak memory of the service and of the process that reads
the upload, and the latency of the single quotes to `results/batch.json`.
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
from benchmarks.processes import price_service
from benchmarks.results import describe_model, save

from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.listings.schema import FIELDS
from carvalue.listings.synthetic.writer import write_sample
from carvalue.serving.batch.formats import FORMATS, BatchFormat

GENERATED_ROWS = 100_000  # repeated: generating a million takes longer than pricing them
SECONDS_BETWEEN_QUOTES = 0.05


class PeakMemory:
    """The highest resident memory of a process and of its largest child, in MB."""

    def __init__(self) -> None:
        self.service = self.reader = 0

    def follow(self, process: psutil.Process, stop: Event) -> None:
        """Read the memory ten times a second until the event is set."""
        while not stop.wait(0.1):
            self.service = max(self.service, process.memory_info().rss // 2**20)
            for child in process.children():
                try:
                    self.reader = max(self.reader, child.memory_info().rss // 2**20)
                except psutil.NoSuchProcess:
                    continue


@contextmanager
def in_background(*tasks: Callable[[Event], None]) -> Iterator[None]:
    """Run tasks in threads until the block ends."""
    stop = Event()
    threads = [Thread(target=task, args=(stop,)) for task in tasks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def request_single_quotes(url: str, latencies_ms: list[float], stop: Event) -> None:
    """Request a quote twenty times a second until the event is set."""
    with httpx.Client(base_url=url, timeout=60) as client:
        while not stop.wait(SECONDS_BETWEEN_QUOTES):
            start = time.perf_counter()
            client.post("/predict", json=dict(EXAMPLE)).raise_for_status()
            latencies_ms.append(1_000 * (time.perf_counter() - start))


def write(frame: pl.DataFrame, batch_format: BatchFormat, path: Path) -> None:
    """Write the upload in a format."""
    writers: dict[str, Callable[[Path], object]] = {
        ".csv": frame.write_csv,
        ".ndjson": frame.write_ndjson,
        ".parquet": lambda into: frame.write_parquet(into, row_group_size=100_000),
        ".arrow": frame.write_ipc_stream,
    }
    writers[batch_format.suffix](path)


def upload(url: str, batch_format: BatchFormat, path: Path) -> tuple[float, int]:
    """Send a file and read the whole response; return the seconds and the bytes of the response."""
    start, received = time.perf_counter(), 0
    with (
        path.open("rb") as file,
        httpx.stream(
            "POST",
            f"{url}/predict/batch",
            content=file,
            headers={"content-type": batch_format.media_type, "content-length": str(path.stat().st_size)},
            timeout=1_200,
        ) as response,
    ):
        response.raise_for_status()
        for chunk in response.iter_raw():
            received += len(chunk)
    return time.perf_counter() - start, received


def main() -> None:
    """Measure each format, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="*", default=[known.suffix for known in FORMATS])
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        frame = generate_listings(Path(folder), rows=options.rows)
        for batch_format in FORMATS:
            if batch_format.suffix in options.formats:
                rows.append(measure(frame, batch_format, bundle=options.bundle, folder=Path(folder)))
                print(rows[-1], flush=True)
    command = f"python -m benchmarks.batch BUNDLE --rows {options.rows}"
    save("batch", {"formats": rows}, command=command, model=describe_model(options.bundle))


def generate_listings(folder: Path, *, rows: int) -> pl.DataFrame:
    """Generate listings as texts; rows repeat after 100,000."""
    write_sample(folder / "sample.csv", rows=min(rows, GENERATED_ROWS))
    names = [field.name for field in FIELDS]
    generated = pl.read_csv(folder / "sample.csv", columns=names, infer_schema=False)
    return pl.concat([generated] * (rows // generated.height + 1))[:rows]


def measure(
    frame: pl.DataFrame, batch_format: BatchFormat, *, bundle: Path, folder: Path
) -> dict[str, str | float]:
    """Measure one format with a service that has just started."""
    path = folder / f"upload{batch_format.suffix}"
    write(frame, batch_format, path)
    state = folder / f"state{batch_format.suffix}"
    with price_service(bundle, state) as service, ThreadPoolExecutor(1) as pool:
        memory, latencies_ms = PeakMemory(), list[float]()
        before = service.cpu_seconds
        with in_background(
            lambda stop: memory.follow(service.process, stop),
            lambda stop: request_single_quotes(service.url, latencies_ms, stop),
        ):
            seconds, received = pool.submit(upload, service.url, batch_format, path).result()
        cpu = service.cpu_seconds - before
    upload_mb = round(path.stat().st_size / 1e6)
    path.unlink()
    return {
        "format": batch_format.suffix,
        "rows": frame.height,
        "upload MB": upload_mb,
        "response MB": round(received / 1e6),
        "s": round(seconds),
        "rows/s": round(frame.height / seconds),
        "CPU us per row": round(1e6 * cpu / frame.height),
        "service MB": memory.service,
        "reader MB": memory.reader,
        "single quote p50 ms": round(median(latencies_ms), 1),
        "single quote p99 ms": round(quantiles(latencies_ms, n=100)[98], 1),
    }


if __name__ == "__main__":
    main()
