"""A Kaggle that runs on this machine and speaks the protocol that kagglehub speaks."""

from fake_kaggle.server import FakeKaggle, Fault, zipped

__all__ = ["FakeKaggle", "Fault", "zipped"]
