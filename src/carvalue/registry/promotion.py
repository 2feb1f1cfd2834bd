"""The pure rule: challenger and champion in, decision with its reasons out."""
