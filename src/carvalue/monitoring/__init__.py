"""Watch live quotes: detect drift, measure accuracy, send alerts, and request retrainings."""
