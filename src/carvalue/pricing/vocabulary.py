"""Category to code, fitted once on the training rows, shipped with the model."""
