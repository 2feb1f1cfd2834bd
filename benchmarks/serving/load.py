"""Send requests with wrk, which takes a small part of one core."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
local requests, place = {}, 0
init = function()
  for body in io.lines("%s") do table.insert(requests, wrk.format(nil, nil, nil, body)) end
end
request = function()
  place = place %% #requests + 1
  return requests[place]
end
done = function(summary, latency, requests)
  io.write(string.format("FIGURES %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
"""


@dataclass(frozen=True, kw_only=True)
class Round:
    """Measurements of one round."""

    rate: float
    """Requests per second."""
    p50_ms: float
    p99_ms: float


def ask(url: str, bodies: Sequence[str], *, clients: int, seconds: int, folder: Path) -> Round:
    """Send one body after the other with several clients at once; exit if a response is not a success."""
    script, lines = folder / "ask.lua", folder / "bodies"
    lines.write_text("\n".join(bodies))
    script.write_text(SCRIPT % lines)
    command = ("wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), url)
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    figures = re.search(r"FIGURES (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if figures is None:
        sys.exit(f"wrk output {output!r}")
    requests, took_us, p50_us, p99_us, refused, broken = map(int, figures.groups())
    if refused or broken:
        sys.exit(f"{url}: {refused} answers were no success, {broken} never came")
    return Round(rate=1e6 * requests / took_us, p50_ms=p50_us / 1e3, p99_ms=p99_us / 1e3)
