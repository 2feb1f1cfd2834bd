"""A local server with the protocol that kagglehub uses."""

from fake_kaggle.server import FakeKaggle, Fault, zipped

__all__ = ["FakeKaggle", "Fault", "zipped"]
