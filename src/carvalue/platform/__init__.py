"""Run every process of the system on one machine."""

from carvalue.platform.build import EXAMPLE, BuildResult, build_platform
from carvalue.platform.health import local_client, service_client
from carvalue.platform.lifecycle import start_platform, stop_platform
from carvalue.platform.services import price_service_spec, watcher_spec
from carvalue.platform.spec import ServiceSpec, local_url
from carvalue.platform.status import ServiceStatus, platform_status

__all__ = [
    "EXAMPLE",
    "BuildResult",
    "ServiceSpec",
    "ServiceStatus",
    "build_platform",
    "local_client",
    "local_url",
    "platform_status",
    "price_service_spec",
    "service_client",
    "start_platform",
    "stop_platform",
    "watcher_spec",
]
