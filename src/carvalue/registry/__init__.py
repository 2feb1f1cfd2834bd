"""The model registry: model versions, promotion decisions, the audit log and the version in production."""

from carvalue.registry.audit import AUDIT_FILE, AuditEntry, AuditLog
from carvalue.registry.decision import PromotionDecision
from carvalue.registry.http_reader import ProductionReader
from carvalue.registry.model_version import (
    CHALLENGER,
    MODEL_NAME,
    ModelRegistry,
    ModelVersion,
    RegistryUnavailable,
)

__all__ = [
    "AUDIT_FILE",
    "CHALLENGER",
    "MODEL_NAME",
    "AuditEntry",
    "AuditLog",
    "ModelRegistry",
    "ModelVersion",
    "ProductionReader",
    "PromotionDecision",
    "RegistryUnavailable",
]
