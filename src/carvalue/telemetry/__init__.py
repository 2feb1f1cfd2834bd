"""Prometheus metrics and the alert rules that use them."""
