"""Train, validation and test by time and by car, with a fingerprint and a leak report."""
