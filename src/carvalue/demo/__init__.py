"""Simulated traffic and end-to-end demonstrations."""

from carvalue.demo.drift_story import demo_drift
from carvalue.demo.loop_story import demo_loop, run_story
from carvalue.demo.scenarios import parse_drift
from carvalue.demo.traffic import Traffic, simulate

__all__ = ["Traffic", "demo_drift", "demo_loop", "parse_drift", "run_story", "simulate"]
