"""Incidents: an alert, what had changed, real quotes before and after, and the effect of what was done."""

from carvalue.monitoring.incidents.evidence import drift_evidence, production_evidence
from carvalue.monitoring.incidents.incident import Incident, IncidentReader
from carvalue.monitoring.incidents.periods import FieldSummary, Period, Sample

__all__ = [
    "FieldSummary",
    "Incident",
    "IncidentReader",
    "Period",
    "Sample",
    "drift_evidence",
    "production_evidence",
]
