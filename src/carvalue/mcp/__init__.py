"""A Model Context Protocol server: language models price cars with tools, through the price service."""

from carvalue.mcp.server import create_server

__all__ = ["create_server"]
