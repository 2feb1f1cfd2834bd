"""Modules for Airflow's DAG processor, one per pipeline: point AIRFLOW__CORE__DAGS_FOLDER at this folder."""
