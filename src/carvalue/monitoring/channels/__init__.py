"""Assign quotes to channels, detect drift in each channel, and leave out repeated quotes of one visitor."""

from carvalue.monitoring.channels.causes import Cause, DriftCause, diagnose
from carvalue.monitoring.channels.detectors import ChannelDetectors, merge
from carvalue.monitoring.channels.routes import channel_of

__all__ = ["Cause", "ChannelDetectors", "DriftCause", "channel_of", "diagnose", "merge"]
