"""Diagnose, back up and restore an installation."""

from carvalue.platform.admin.backup import create_backup, restore_backup
from carvalue.platform.admin.doctor import Diagnosis, diagnose

__all__ = ["Diagnosis", "create_backup", "diagnose", "restore_backup"]
