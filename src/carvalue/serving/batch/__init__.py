"""Price files of many cars."""
