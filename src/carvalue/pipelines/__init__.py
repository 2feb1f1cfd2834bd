"""The order of work, with or without Airflow."""
