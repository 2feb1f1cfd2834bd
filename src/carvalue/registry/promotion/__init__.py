"""Decide whether a new version goes into production, and carry out the decision."""

from carvalue.registry.promotion.champion import fetch_champion, fetch_other_champion
from carvalue.registry.promotion.operations import (
    VersionSummary,
    clear_challenger,
    list_versions,
    promote_manually,
    roll_back,
    set_challenger,
)
from carvalue.registry.promotion.promote import ChampionChanged, GateJudgement, apply_judgement, judge_version
from carvalue.registry.promotion.provenance import fingerprint_in_production

__all__ = [
    "ChampionChanged",
    "GateJudgement",
    "VersionSummary",
    "apply_judgement",
    "clear_challenger",
    "fetch_champion",
    "fetch_other_champion",
    "fingerprint_in_production",
    "judge_version",
    "list_versions",
    "promote_manually",
    "roll_back",
    "set_challenger",
]
