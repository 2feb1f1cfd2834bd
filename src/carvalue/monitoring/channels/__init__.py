"""Part quotes into channels, each with a history of its own, and choose those that count as evidence."""

from carvalue.monitoring.channels.causes import Cause, DriftCause, diagnose
from carvalue.monitoring.channels.detectors import ChannelDetectors, merge
from carvalue.monitoring.channels.routes import channel_of

__all__ = ["Cause", "ChannelDetectors", "DriftCause", "channel_of", "diagnose", "merge"]
