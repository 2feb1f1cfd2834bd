"""Which model is in production, and how every version came to be."""
