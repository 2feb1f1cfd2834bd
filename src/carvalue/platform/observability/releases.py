"""The official releases of Prometheus, Alertmanager and Grafana that `make build` downloads."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass

_GITHUB = "https://github.com/prometheus"
_GRAFANA_BUILD = "16903967602"  # part of the names of Grafana's archives


@dataclass(frozen=True, kw_only=True)
class Release:
    """One official release, as an archive for each architecture.

    Attributes:
        name: Name of the program.
        version: Version; compose.yaml runs the same one.
        url: Address of the archive, with `{arch}` for the architecture.
        sha256: Checksum of the archive by architecture, in hexadecimal digits.
        megabytes: About how large the archives are.
        program: Path of the program within the archive's single folder.
    """

    name: str
    version: str
    url: str
    sha256: Mapping[str, str]
    megabytes: int
    program: str


PROMETHEUS_RELEASE = Release(
    name="prometheus",
    version="3.5.0",
    url=f"{_GITHUB}/prometheus/releases/download/v3.5.0/prometheus-3.5.0.linux-{{arch}}.tar.gz",
    sha256={
        "amd64": "e811827af26d822afb09a4f28314f61b618b12cff5369835a67f674d8b46f39a",
        "arm64": "173389cc42bf09c4e6e54cb53fa07a5a835d7c261e14775d2183181d6e385d1c",
    },
    megabytes=116,
    program="prometheus",
)
ALERTMANAGER_RELEASE = Release(
    name="alertmanager",
    version="0.28.1",
    url=f"{_GITHUB}/alertmanager/releases/download/v0.28.1/alertmanager-0.28.1.linux-{{arch}}.tar.gz",
    sha256={
        "amd64": "5ac7ab5e4b8ee5ce4d8fb0988f9cb275efcc3f181b4b408179fafee121693311",
        "arm64": "d8832540e5b9f613d2fd759e31d603173b9c61cc7bb5e3bc7ae2f12038b1ce4f",
    },
    megabytes=30,
    program="alertmanager",
)
GRAFANA_RELEASE = Release(
    name="grafana",
    version="12.1.1",
    url=f"https://dl.grafana.com/grafana/release/12.1.1/grafana_12.1.1_{_GRAFANA_BUILD}_linux_{{arch}}.tar.gz",
    sha256={
        "amd64": "825a1da86245046a1822fe5cb8901859d3f3f483b8e2b4cff166d0c03991d214",
        "arm64": "90481950c7854dfb3f941c323da2923a937681f29408f56e2dbcbe04b3dae765",
    },
    megabytes=190,
    program="bin/grafana",
)


def architecture() -> str:
    """Name the architecture of this machine as the publishers do.

    Returns:
        `amd64` or `arm64`; empty if the machine is neither, or not Linux.
    """
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    return names.get(platform.machine(), "") if platform.system() == "Linux" else ""
