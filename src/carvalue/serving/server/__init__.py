"""Uvicorn workers and connection deadlines."""
