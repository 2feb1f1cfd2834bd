"""Start, supervise and stop operating-system processes."""
