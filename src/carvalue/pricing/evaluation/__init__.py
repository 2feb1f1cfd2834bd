"""How good a bundle is, and against what: measures, slices, baseline, pictures."""
