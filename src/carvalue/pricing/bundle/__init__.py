"""Read and write a trained model as a folder without pickles."""
