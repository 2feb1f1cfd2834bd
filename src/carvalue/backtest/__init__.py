"""Replay past listings day by day to measure the retraining loop."""
