"""Store alerts and deliver them to their receivers."""
