"""Run every process of the system on one machine."""
