"""Market context of a listing: known categories, comparable cars, the reference car."""
