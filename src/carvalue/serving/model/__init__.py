"""The production model that the service has loaded."""
