"""The product: everything but Airflow's wiring (``dags``) and the web service (``serving``)."""
