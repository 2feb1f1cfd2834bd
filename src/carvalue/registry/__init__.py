"""The model registry: model versions, the one in production, and the decisions that put it there."""

from carvalue.journal import DecisionRecord
from carvalue.registry.history import VersionSummary, last_switch, summarize
from carvalue.registry.http_reader import HttpRegistryReader
from carvalue.registry.in_memory import InMemoryVersions
from carvalue.registry.judgement import GateJudgement, PromotionDecision
from carvalue.registry.model_version import (
    EVALUATED_MODEL,
    MODEL_NAME,
    NOTHING_YET,
    VERSION_FORMAT,
    ModelVersion,
    RegistryUnavailable,
)
from carvalue.registry.opening import open_reader, open_registry, read_decisions
from carvalue.registry.port import RegistryReader, VersionNotFound, VersionStore
from carvalue.registry.publication import Publication, PublicationUnavailable, PublishedReader
from carvalue.registry.registry import (
    CanaryImpossible,
    ChampionChanged,
    NoEarlierVersion,
    NothingToPublish,
    Registry,
)

__all__ = [
    "EVALUATED_MODEL",
    "MODEL_NAME",
    "NOTHING_YET",
    "VERSION_FORMAT",
    "CanaryImpossible",
    "CanaryRunning",
    "ChampionChanged",
    "DecisionRecord",
    "GateJudgement",
    "HttpRegistryReader",
    "InMemoryVersions",
    "ModelVersion",
    "NoEarlierVersion",
    "NothingToPublish",
    "PromotionDecision",
    "Publication",
    "PublicationUnavailable",
    "PublishedReader",
    "Registry",
    "RegistryReader",
    "RegistryUnavailable",
    "VersionNotFound",
    "VersionStore",
    "VersionSummary",
    "last_switch",
    "open_reader",
    "open_registry",
    "read_decisions",
    "summarize",
]
