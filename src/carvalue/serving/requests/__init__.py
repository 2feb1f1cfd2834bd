"""Read and validate request bodies."""
