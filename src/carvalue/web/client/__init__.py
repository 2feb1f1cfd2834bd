"""HTTP clients of the price service and the watcher."""
