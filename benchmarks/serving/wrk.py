"""Send requests with wrk (https://github.com/wg/wrk), which uses a small part of one core."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
local requests, index = {}, 0
init = function()
  for body in io.lines("%s") do table.insert(requests, wrk.format(nil, nil, nil, body)) end
end
request = function()
  index = index %% #requests + 1
  return requests[index]
end
done = function(summary, latency, requests)
  io.write(string.format("FIGURES %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
"""


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What wrk measured.

    Attributes:
        rate: Requests per second.
        p50_ms: Median latency in milliseconds.
        p99_ms: 99th percentile of the latency in milliseconds.
    """

    rate: float
    p50_ms: float
    p99_ms: float


def require_wrk() -> None:
    """Exit with instructions if wrk is not installed."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed. Run: apt-get install wrk")


def send_requests(url: str, bodies: Sequence[str], *, clients: int, seconds: int, folder: Path) -> LoadResult:
    """Send the bodies in turn from several connections; exit if one request fails.

    Args:
        url: The address with its path.
        bodies: Request bodies as JSON, one per line.
        clients: Number of connections.
        seconds: Duration.
        folder: A folder for the script of wrk.

    Returns:
        Rate and latency.
    """
    script, lines = folder / "requests.lua", folder / "bodies"
    lines.write_text("\n".join(bodies))
    script.write_text(SCRIPT % lines)
    command = ("wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), url)
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    figures = re.search(r"FIGURES (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if figures is None:
        sys.exit(f"wrk printed no figures: {output!r}")
    requests, duration_us, p50_us, p99_us, unsuccessful, broken = map(int, figures.groups())
    if unsuccessful or broken:
        sys.exit(f"{url}: {unsuccessful} responses were errors, {broken} requests had no response")
    return LoadResult(rate=1e6 * requests / duration_us, p50_ms=p50_us / 1e3, p99_ms=p99_us / 1e3)
