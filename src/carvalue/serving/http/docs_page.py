"""`/docs`: Swagger UI from files of its own, without the internet and without scripts of a third party."""

from pathlib import Path

import swagger_ui
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from carvalue.api import openapi_document
from carvalue.serving.middleware import ASSETS, DOCS

_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>carvalue price service</title>
<link rel="stylesheet" href="{ASSETS}swagger-ui.css">
<link rel="icon" href="{ASSETS}favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{ASSETS}swagger-ui-bundle.js"></script>
<script src="{DOCS}/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
});
"""


def docs_routes(version: str) -> list[BaseRoute]:
    """Build the routes of the documentation.

    Args:
        version: version of the program.

    Returns:
        The OpenAPI document, the page, and its files.
    """
    document = openapi_document(version)

    async def openapi(_: Request) -> Response:
        return JSONResponse(document)

    async def page(_: Request) -> Response:
        return HTMLResponse(_PAGE)

    async def start(_: Request) -> Response:
        return Response(_START, media_type="text/javascript")

    files = StaticFiles(directory=Path(swagger_ui.__file__).with_name("static"))
    return [
        Route("/openapi.json", openapi),
        Route(DOCS, page),
        Route(f"{DOCS}/start.js", start),
        Mount(ASSETS.rstrip("/"), files),
    ]
