"""Simulate traffic and demonstrate drift and retraining end to end."""

from carvalue.demo.drift_demo import demo_drift
from carvalue.demo.loop_demo import demo_loop, run_loop_demo
from carvalue.demo.scenarios import parse_drift
from carvalue.demo.traffic import Traffic, simulate

__all__ = ["Traffic", "demo_drift", "demo_loop", "parse_drift", "run_loop_demo", "simulate"]
