"""Decide whether a challenger becomes the champion, and carry it out."""
