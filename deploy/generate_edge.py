"""Generate the public routes of all deployments from the table of routes: Caddy, Kubernetes, AWS.

Run `python deploy/generate_edge.py` after changing `src/carvalue/api/routes.py`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from carvalue.api import MAX_BODY_BYTES, ROUTES, ApiRoute
from carvalue.serving.middleware import ASSETS, DOCS
from carvalue.settings import ServiceSettings

HERE = Path(__file__).parent
HOST = "cars.example.com"
SOURCE = "Written by deploy/generate_edge.py from src/carvalue/api/routes.py."
UPLOAD_MB = ServiceSettings.model_fields["batch_limit_mb"].default
SERVICE_PORT, PAGE_PORT = (
    ServiceSettings.model_fields[f"{name}_port"].default for name in ("service", "page")
)
BODY_MB = MAX_BODY_BYTES // 2**20 + 1  # the service itself refuses a body above its limit, with a hint
DOCUMENTATION = ("/openapi.json", DOCS, f"{ASSETS}*", f"{DOCS}/start.js")
PUBLIC = tuple(route for route in ROUTES if route.access != "private")


def main() -> None:
    """Write all generated files."""
    for path, content in files().items():
        path.write_text(content)


def files() -> dict[Path, str]:
    """Generate the content of all files.

    Returns:
        Path -> content.
    """
    return {
        HERE / "proxy" / "service.caddy": caddy(),
        HERE / "kubernetes" / "ingress.yaml": kubernetes(),
        HERE / "kubernetes" / "gateway" / "routes.yaml": gateway(),
        HERE / "aws" / "routes.tf.json": aws(),
    }


def patterns(routes: Sequence[ApiRoute]) -> list[str]:
    """List the paths of routes; a parameter becomes a final `*`.

    Args:
        routes: routes of the price service.

    Returns:
        Exact paths, and those that end with `*`.
    """
    written = (
        path.partition("{")[0] + "*" if "{" in path else path for route in routes for path in route.paths
    )
    return list(dict.fromkeys(written))


def wait(*, is_upload: bool) -> int:
    """Return how long a proxy waits for an answer.

    Args:
        is_upload: of the routes that accept files, or of the others.

    Returns:
        Seconds.
    """
    return max(route.timeout_s for route in PUBLIC if route.is_upload == is_upload)


def caddy() -> str:
    """Write the matchers and limits that the Caddyfile imports.

    Returns:
        Two named matchers with the limits of body and time.
    """
    uploads = patterns([route for route in PUBLIC if route.is_upload])
    others = [path for path in patterns(PUBLIC) if path not in uploads]
    return f"""# {SOURCE}
(service_routes) {{
	@service path {" ".join([*others, *DOCUMENTATION])}
	@uploads path {" ".join(uploads)}
	request_body @service {{
		max_size {BODY_MB}MB
	}}
	request_body @uploads {{
		max_size {UPLOAD_MB}MB
	}}
	handle @service {{
		import to_service {wait(is_upload=False)}s
	}}
	handle @uploads {{
		import to_service {wait(is_upload=True)}s
	}}
}}
"""


def kubernetes() -> str:
    """Write three Ingresses: routes with small bodies, uploads, and the page.

    Returns:
        YAML documents.
    """
    uploads = patterns([route for route in PUBLIC if route.is_upload])
    others = [path for path in patterns(PUBLIC) if path not in uploads]
    page = {"path": "/", "pathType": "Prefix", "backend": _backend("page")}
    ordinary = [*map(_path, [*others, *DOCUMENTATION])]
    documents = [
        _ingress("public", ordinary, megabytes=BODY_MB, seconds=wait(is_upload=False)),
        _ingress("public-uploads", [*map(_path, uploads)], megabytes=UPLOAD_MB, seconds=wait(is_upload=True)),
        # the page accepts files of listings, and keeps a WebSocket open
        _ingress("public-page", [page], megabytes=UPLOAD_MB, seconds=wait(is_upload=True)),
    ]
    head = f"# {SOURCE}\n# /metrics, MLflow and Airflow are private; operators use `kubectl port-forward`.\n"
    return head + yaml.safe_dump_all(documents, sort_keys=False, width=120)


def gateway() -> str:
    """Write a Gateway and its routes, for clusters with the Gateway API instead of an Ingress controller.

    Returns:
        YAML documents. The Gateway API has no limit for bodies; the price service has its own.
    """
    uploads = patterns([route for route in PUBLIC if route.is_upload])
    others = [path for path in patterns(PUBLIC) if path not in uploads]
    rules = [
        _rule([*others, *DOCUMENTATION], "service", SERVICE_PORT, seconds=wait(is_upload=False)),
        _rule(uploads, "service", SERVICE_PORT, seconds=wait(is_upload=True)),
        _rule(["/*"], "page", PAGE_PORT),  # keeps a WebSocket open
    ]
    listener = {
        "name": "https",
        "protocol": "HTTPS",
        "port": 443,
        "hostname": HOST,
        "tls": {"certificateRefs": [{"name": "public-tls"}]},
    }
    route = {"parentRefs": [{"name": "public"}], "hostnames": [HOST], "rules": rules}
    documents = [
        _gateway_resource("Gateway", {"gatewayClassName": "replace-in-an-overlay", "listeners": [listener]}),
        _gateway_resource("HTTPRoute", route),
    ]
    return f"# {SOURCE}\n" + yaml.safe_dump_all(documents, sort_keys=False, width=120)


def aws() -> str:
    """Write the paths that the load balancer forwards to the price service.

    Returns:
        Terraform in JSON.
    """
    values = {"//": SOURCE, "locals": {"service_paths": [*patterns(PUBLIC), *DOCUMENTATION]}}
    return json.dumps(values, indent=2) + "\n"


def _ingress(name: str, paths: list[dict[str, Any]], *, megabytes: int, seconds: int) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "annotations": {
                "nginx.ingress.kubernetes.io/proxy-body-size": f"{megabytes}m",
                "nginx.ingress.kubernetes.io/proxy-read-timeout": str(seconds),
            },
        },
        "spec": {
            "ingressClassName": "nginx",
            "tls": [{"hosts": [HOST], "secretName": "public-tls"}],
            "rules": [{"host": HOST, "http": {"paths": paths}}],
        },
    }


def _gateway_resource(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "public"},
        "spec": spec,
    }


def _rule(paths: Sequence[str], service: str, port: int, *, seconds: int = 0) -> dict[str, Any]:
    routes = map(_path, paths)
    kinds = {"Prefix": "PathPrefix", "Exact": "Exact"}
    matches = [
        {"path": {"type": kinds[route["pathType"]], "value": route["path"] or "/"}} for route in routes
    ]
    limit = {"timeouts": {"request": f"{seconds}s"}} if seconds else {}
    return {"matches": matches, **limit, "backendRefs": [{"name": service, "port": port}]}


def _path(pattern: str) -> dict[str, Any]:
    kind = "Prefix" if pattern.endswith("*") else "Exact"
    return {"path": pattern.rstrip("*").rstrip("/"), "pathType": kind, "backend": _backend("service")}


def _backend(service: str) -> dict[str, Any]:
    return {"service": {"name": service, "port": {"name": "http"}}}


if __name__ == "__main__":
    main()
