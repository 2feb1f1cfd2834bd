"""What a candidate must pass to go into production: every gate, and each fails closed."""
