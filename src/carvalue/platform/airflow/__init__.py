"""Configure Airflow and talk to its REST API."""
