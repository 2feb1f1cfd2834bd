"""Simulated traffic and end-to-end demonstrations."""
