-- The databases beside the platform's own, which docker-compose's PostgreSQL makes at its first start.
CREATE DATABASE airflow;
CREATE DATABASE mlflow;
