"""Additive model of log price that the trees start from."""
