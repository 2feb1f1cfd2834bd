"""Check files of listings: columns, rejected rows, suspicious values, and a draft description."""

from carvalue.listings.inspection.check import DataCheck, RejectedRows, check_data

__all__ = ["DataCheck", "RejectedRows", "check_data"]
