"""MLflow adapter: tracking, model versions, aliases and bundles."""
