"""Read raw listings from Kaggle, a file, or the bundled sample."""
