# The last image runs every process of the platform; docker-compose.yaml gives each its command.
# `docker build --target serving` makes a smaller one of the service alone.
FROM python:3.11-slim AS base

# libgomp: scikit-learn and torch compute with it
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app

WORKDIR /app

# Processes run as this user; a new volume on one of these folders
# takes over its owner
RUN useradd --create-home --uid 10001 tagkeeper \
    && install --directory --owner=tagkeeper --group=tagkeeper /data /data/monitoring \
        /data/monitoring/secrets /data/monitoring/prometheus /data/monitoring/alertmanager


# Without Airflow and torch: for models of all families but bert and hybrid
FROM base AS serving

COPY requirements-serving.txt ./
RUN pip install --no-cache-dir --no-deps -r requirements-serving.txt

COPY include include
COPY serving serving
COPY sql sql
COPY pyproject.toml .env.example ./
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .

USER tagkeeper
VOLUME /data
CMD ["gunicorn", "-c", "serving/gunicorn_conf.py", "serving:create_app()"]


FROM base AS platform

# PyTorch's own index has the CPU build; the default one needs several GB of CUDA libraries
COPY requirements.txt requirements-torch.txt ./
RUN pip install --no-cache-dir --no-deps --index-url https://download.pytorch.org/whl/cpu \
        -r requirements-torch.txt \
    && pip install --no-cache-dir --no-deps -r requirements.txt

COPY include include
COPY serving serving
COPY dags dags
COPY plugins plugins
COPY sql sql
COPY monitoring monitoring
COPY pyproject.toml MLproject .env.example ./

# The command `tagkeeper`
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .

USER tagkeeper
VOLUME /data
