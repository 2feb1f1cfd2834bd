"""From a listing to a quote - vocabulary, model, training, evaluation."""
