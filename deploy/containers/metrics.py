"""Write chosen metrics of the program beside this one to the log, as CloudWatch reads metrics from logs.

`metrics.py URL NAMESPACE METRIC ...`, in a container of the same ECS task. Every minute it writes one line in
CloudWatch's embedded metric format (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
"""

import http.client
import json
import math
import signal
import sys
import time
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

PERIOD_S = 60
UNAVAILABLE = (OSError, http.client.HTTPException, ValueError)
"""The program starts, stops or is busy, ends while it answers, or answers with something else."""


def main(url: str, namespace: str, *names: str) -> None:
    """Write a line every minute until the task ends.

    Args:
        url: Address of the metrics, in Prometheus's text format.
        namespace: Namespace of the metrics in CloudWatch.
        *names: Names of the metrics, with `_total` for counters.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # process 1 of a container has no default for it
    earlier: dict[str, float] | None = None
    while True:
        try:
            now = totals(_read(url), names)
        except UNAVAILABLE as error:
            print(json.dumps({"message": "metrics unavailable", "because": str(error)}), flush=True)  # noqa: T201
        else:
            line = embedded(
                increases(now, earlier=earlier), namespace=namespace, time_ms=int(time.time() * 1000)
            )
            print(line, flush=True)  # noqa: T201
            earlier = now
        time.sleep(PERIOD_S)


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
        return answer.read().decode()  # type: ignore[no-any-return]


def totals(text: str, names: tuple[str, ...]) -> dict[str, float]:
    """Add up the samples of each metric over its labels.

    Args:
        text: Metrics in Prometheus's text format.
        names: Metrics to read.

    Returns:
        Metric -> sum; without metrics that are absent or not finite.
    """
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in names:
                found[sample.name] = found.get(sample.name, 0) + sample.value
    return {name: value for name, value in found.items() if math.isfinite(value)}


def increases(now: dict[str, float], *, earlier: dict[str, float] | None) -> dict[str, float]:
    """Replace counters by their increase, which CloudWatch can add up over tasks.

    Args:
        now: Metric -> value.
        earlier: The same a minute ago; None if it is not known.

    Returns:
        Gauges as they are, and the increase of each counter. A counter that is not in `earlier` was 0: with
        labels, it has no sample before its first increase. One that has become smaller started again at 0.
    """
    values = {}
    for name, value in now.items():
        if not name.endswith("_total"):
            values[name] = value
        elif earlier is not None:
            before = earlier.get(name, 0.0)
            values[name] = value - before if value >= before else value
    return values


def embedded(values: dict[str, float], *, namespace: str, time_ms: int) -> str:
    """Format metrics as one line in CloudWatch's embedded metric format.

    Args:
        values: Metric -> value.
        namespace: Namespace in CloudWatch.
        time_ms: Unix time in milliseconds.

    Returns:
        A JSON object.
    """
    metrics = [{"Name": name} for name in values]
    directive = {"Namespace": namespace, "Dimensions": [[]], "Metrics": metrics}
    return json.dumps({"_aws": {"Timestamp": time_ms, "CloudWatchMetrics": [directive]}, **values})


if __name__ == "__main__":
    main(*sys.argv[1:])
