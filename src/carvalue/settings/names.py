"""Find misspelled settings: names that are close to a setting's, or begin like one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

THIRD_PARTY = ("AIRFLOW", "ALERTMANAGER", "GRAFANA", "KAGGLE", "MLFLOW", "PROMETHEUS")
"""The programs that have variables of their own, such as AIRFLOW_HOME."""
RENAMED = {"SPOOL_LIMIT_MB": "OUTBOX_LIMIT_MB"}
"""Earlier name -> name of a setting. This release reads both names and warns of the earlier one."""
MIN_SIMILARITY = {"own": 0.85, "third party": 0.93}  # AIRFLOW_USER_ID and AIRFLOW_USER have 0.89
MIN_SIMILARITY_IN_ENVIRONMENT = 0.9


@dataclass(frozen=True)
class UnknownName:
    """A name that looks like a setting and is none.

    Attributes:
        name: The name.
        meant: The setting that it resembles most; empty if it only begins like settings.
    """

    name: str
    meant: str

    def __str__(self) -> str:
        """Describe the name in one sentence."""
        return f"{self.name} is not a setting{f'; did you mean {self.meant}?' if self.meant else '.'}"


def unknown_in_file(names: Iterable[str], *, known: frozenset[str]) -> Iterator[UnknownName]:
    """Find misspelled settings in `.env`, which may also hold variables of other programs.

    Args:
        names: The names in the file.
        known: The names of all settings.

    Yields:
        The names that are similar to a setting's, and those that begin like one of our own settings.

    Example:
        >>> known = frozenset({"DATA_SOURCE", "AIRFLOW_URL"})
        >>> names = ["DATA_SOURSE", "DATA_FILE", "AIRFLOW_HOME", "COMPOSE_FILE"]
        >>> [str(name) for name in unknown_in_file(names, known=known)]
        ['DATA_SOURSE is not a setting; did you mean DATA_SOURCE?', 'DATA_FILE is not a setting.']
    """
    own_prefixes = {name.partition("_")[0] for name in known if "_" in name}.difference(THIRD_PARTY)
    for name in names:
        first_word, has_more, _ = name.partition("_")
        if name in known:
            continue
        meant, similarity = _closest(name, known)
        is_third_party = first_word in THIRD_PARTY
        if similarity >= MIN_SIMILARITY["third party" if is_third_party else "own"]:
            yield UnknownName(name, meant)
        elif has_more and first_word in own_prefixes:
            yield UnknownName(name, "")


def unknown_in_environment(names: Iterable[str], *, known: frozenset[str]) -> Iterator[UnknownName]:
    """Find settings with a typing error in the environment, which is full of other programs' variables.

    Args:
        names: The names of all variables.
        known: The names of all settings.

    Yields:
        The names of several words that differ from a setting's in a few letters within the words.

    Example:
        >>> known = frozenset({"DATA_SOURCE", "SERVICE_KEYS"})
        >>> [unknown.name for unknown in unknown_in_environment(["DATA_SOURSE", "SERVICE_KEY"], known=known)]
        ['DATA_SOURSE']
    """
    for name in names:
        if name in known or "_" not in name or name.partition("_")[0] in THIRD_PARTY:
            continue
        meant, similarity = _closest(name, known)
        is_another_word = name in meant or meant in name or name.count("_") != meant.count("_")
        if similarity >= MIN_SIMILARITY_IN_ENVIRONMENT and not is_another_word:
            yield UnknownName(name, meant)


def _closest(name: str, known: frozenset[str]) -> tuple[str, float]:
    matcher = SequenceMatcher(b=name, autojunk=False)
    best, similarity = "", 0.0
    for candidate in sorted(known):
        matcher.set_seq1(candidate)
        if matcher.real_quick_ratio() > similarity and matcher.quick_ratio() > similarity:
            best, similarity = max((similarity, best), (matcher.ratio(), candidate))[::-1]
    return best, similarity
