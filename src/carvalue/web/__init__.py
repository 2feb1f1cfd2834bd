"""The page. It talks to the price service over HTTP only."""
