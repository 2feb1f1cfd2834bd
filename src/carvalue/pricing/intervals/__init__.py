"""Conformal prediction intervals for prices."""
