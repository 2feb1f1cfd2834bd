"""Explain a price: Shapley contributions and what-if curves."""
