"""Modules for Airflow's plugin manager: point AIRFLOW__CORE__PLUGINS_FOLDER at this folder."""
