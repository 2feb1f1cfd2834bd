"""Back up and restore all state of the platform."""
