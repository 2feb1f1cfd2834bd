"""Run every process of the system on one machine."""

from carvalue.platform.build import EXAMPLE, BuildResult, build_platform
from carvalue.platform.health import local_client, service_client
from carvalue.platform.lifecycle import start_platform, stop_platform
from carvalue.platform.services import alertmanager_url
from carvalue.platform.spec import ServiceSpec, local_url
from carvalue.platform.status import ServiceStatus, platform_status

__all__ = [
    "EXAMPLE",
    "BuildResult",
    "ServiceSpec",
    "ServiceStatus",
    "alertmanager_url",
    "build_platform",
    "local_client",
    "local_url",
    "platform_status",
    "service_client",
    "start_platform",
    "stop_platform",
]
