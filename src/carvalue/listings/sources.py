"""Where raw listings come from: Kaggle, a local file, the bundled sample."""
