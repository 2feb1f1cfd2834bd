"""Detect when recent quotes differ from the training data."""
