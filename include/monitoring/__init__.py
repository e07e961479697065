"""The exporter of platform metrics, and the files of Prometheus, Alertmanager and Grafana."""
