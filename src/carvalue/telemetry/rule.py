"""The form of an alert rule, and the link to its section in the runbook."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

DOCUMENTATION = "https://carvalue.github.io/carvalue"  # where the workflow docs.yml publishes it
RUNBOOK = "docs/how-to/respond-to-alerts.md"


def runbook_url(alert: str) -> str:
    """Return the link to the section of an alert in the published documentation.

    Args:
        alert: The name of the alert.

    Returns:
        The URL.

    >>> runbook_url("CarvalueTest")
    'https://carvalue.github.io/carvalue/how-to/respond-to-alerts.html#carvaluetest'
    """
    page = RUNBOOK.removeprefix("docs/").replace(".md", ".html")
    return f"{DOCUMENTATION}/{page}#{alert.lower()}"


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """One alert rule of Prometheus.

    Attributes:
        name: The alert's name in Alertmanager, and the heading of its section in the runbook.
        query: PromQL. The alert fires for each series of the result.
        after: How long the query must have a result before the alert fires, such as `5m`.
        severity: `critical` for what cannot wait until the morning, else `warning`.
        summary: One sentence for the person who is notified; may refer to labels as Prometheus' templates do.

    >>> rule = AlertRule(
    ...     name="CarvalueTest", query="up == 0", after="1m", severity="warning", summary="A service is down."
    ... )
    >>> rule.as_json()["labels"]
    {'severity': 'warning'}
    """

    name: str
    query: str
    after: str
    severity: Literal["warning", "critical"]
    summary: str

    def as_json(self) -> Mapping[str, Any]:
        """Convert the rule to the format of Prometheus' rule files.

        Returns:
            The rule with its label `severity` and its annotations `summary` and `runbook_url`.
        """
        return {
            "alert": self.name,
            "expr": self.query,
            "for": self.after,
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "runbook_url": runbook_url(self.name)},
        }
