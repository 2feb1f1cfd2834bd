# One file, one target per role: docker build --target service|page|watcher|backup|airflow|mlflow .
# Dependencies come from uv.lock only. The final images have no compiler and no package cache, and run without root.
FROM python:3.12-slim-bookworm@sha256:54c85f3c47607a77f32adec749d3c81d1348bf25833671f512b26a9b6d778cb3 AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/app/.venv/bin:$PATH
WORKDIR /app

FROM base AS build
RUN pip install --no-cache-dir uv==0.13.9
# compiles src/carvalue/pricing/trees/predict.c
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_DEV=1 UV_FROZEN=1
COPY pyproject.toml uv.lock README.md LICENSE ./

# Dependencies change less often than the code, so they have their own layer.
FROM build AS build-service
RUN uv sync --no-install-project --extra postgres --extra redis --extra aws --extra tracing
COPY src src
RUN uv sync --no-editable --extra postgres --extra redis --extra aws --extra tracing \
    && .venv/bin/python -c "from carvalue.pricing.trees.native import is_native_available; assert is_native_available()"

FROM build AS build-page
RUN uv sync --no-install-project --extra web --extra vin --extra tracing
COPY src src
RUN uv sync --no-editable --extra web --extra vin --extra tracing

FROM build AS build-watcher
RUN uv sync --no-install-project --extra monitoring --extra processes --extra postgres --extra aws --extra tracing
COPY src src
RUN uv sync --no-editable --extra monitoring --extra processes --extra postgres --extra aws --extra tracing

FROM build AS build-airflow
RUN uv sync --no-install-project --extra airflow --extra training --extra processes --extra postgres --extra celery --extra kubernetes --extra login --extra aws --extra dask
COPY src src
RUN uv sync --no-editable --extra airflow --extra training --extra processes --extra postgres --extra celery --extra kubernetes --extra login --extra aws --extra dask

FROM build AS build-mlflow
RUN uv sync --no-install-project --extra training --extra postgres --extra aws
COPY src src
RUN uv sync --no-editable --extra training --extra postgres --extra aws

FROM base AS runtime
RUN groupadd --gid 10001 carvalue \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin carvalue \
    && install -d -o carvalue -g carvalue -m 0750 /var/lib/carvalue /var/lib/carvalue/storage
ENV STATE_DIR=/var/lib/carvalue HOME=/tmp MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false
# The only writable folders; everything else can be mounted read-only.
VOLUME ["/tmp", "/var/lib/carvalue"]
COPY deploy/containers /app/containers
USER 10001:10001
ENTRYPOINT ["python", "/app/containers/start.py"]

FROM runtime AS service
ENV IMAGE=service
COPY --from=build-service /app/.venv /app/.venv
EXPOSE 9696
HEALTHCHECK --interval=15s --timeout=20s --start-period=300s \
    CMD ["python", "/app/containers/start.py", "healthy", "http://127.0.0.1:9696/healthz"]
CMD ["service"]

FROM runtime AS page
ENV IMAGE=page
COPY --from=build-page /app/.venv /app/.venv
EXPOSE 8501
HEALTHCHECK --interval=15s --timeout=20s --start-period=300s \
    CMD ["python", "/app/containers/start.py", "healthy", "http://127.0.0.1:8501/_stcore/health"]
CMD ["page"]

FROM runtime AS watcher
ENV IMAGE=watcher
COPY --from=build-watcher /app/.venv /app/.venv
EXPOSE 9697
HEALTHCHECK --interval=15s --timeout=20s --start-period=300s \
    CMD ["python", "/app/containers/start.py", "healthy", "http://127.0.0.1:9697/healthz"]
CMD ["watcher"]

# The watcher's packages read every store; pg_dump must be of the server's version or later, which Debian 12 does not have.
FROM watcher AS backup
ENV IMAGE=backup
USER 0
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/* && install -d -o carvalue -g carvalue -m 0700 /backups
USER 10001:10001
HEALTHCHECK NONE
CMD ["backup"]

FROM runtime AS mlflow
ENV IMAGE=mlflow MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
COPY --from=build-mlflow /app/.venv /app/.venv
EXPOSE 5000
HEALTHCHECK --interval=15s --timeout=20s --start-period=300s \
    CMD ["python", "/app/containers/start.py", "healthy", "http://127.0.0.1:5000/health"]
CMD ["mlflow"]

FROM runtime AS airflow
ENV IMAGE=airflow AIRFLOW__CORE__DAGS_FOLDER=/app/dags
COPY --from=build-airflow /app/.venv /app/.venv
COPY src/carvalue/pipelines/airflow_dags /app/dags
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=20s --start-period=300s \
    CMD ["python", "/app/containers/start.py", "healthy", "http://127.0.0.1:8080/api/v2/version"]
CMD ["airflow-api"]
