"""Search hyperparameters and train the price model."""
