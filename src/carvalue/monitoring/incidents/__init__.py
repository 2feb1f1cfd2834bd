"""Incidents: an alert, what had changed, real quotes before and after, and the effect of what was done."""

from carvalue.monitoring.incidents.evidence import drift_evidence, production_evidence
from carvalue.monitoring.incidents.incident import Incident, IncidentReader

__all__ = [
    "Incident",
    "IncidentReader",
    "drift_evidence",
    "production_evidence",
]
