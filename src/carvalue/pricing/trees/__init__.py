"""Fast prediction with gradient-boosted trees."""
