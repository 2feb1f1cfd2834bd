"""Atomic writes, JSON artifacts, tabular files in any format, and sandboxed parsing of untrusted files."""
