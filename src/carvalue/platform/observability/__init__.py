"""Configuration of Prometheus, Alertmanager and Grafana on one machine."""
