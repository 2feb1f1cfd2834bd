"""ASGI middleware of the price service."""
