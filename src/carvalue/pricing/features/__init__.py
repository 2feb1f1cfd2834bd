"""Turn a listing into numeric model features."""
