"""One process at a time holds a lock of a file."""
