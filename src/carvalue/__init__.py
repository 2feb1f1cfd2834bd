"""carvalue tells what a used car is worth, and keeps the answer true as the market moves."""
