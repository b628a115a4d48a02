# Two images from one file, both hash-pinned by the lock files:
#   docker build --target server .   API and dashboard, without PyTorch
#   docker build --target worker .   the engine and its supervisor
ARG PYTHON=3.12-slim-bookworm

# The pinned uv that installs everything else.
FROM python:${PYTHON} AS tools
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
WORKDIR /build
COPY bootstrap.lock ./
RUN python -m pip install --no-cache-dir --require-hashes --requirement bootstrap.lock

# The wheel, dashboard included: its build brings a Node of its own.
FROM tools AS wheel
COPY . ./
RUN uv build --wheel --build-constraints build.lock --require-hashes --out-dir /wheel

FROM tools AS server-environment
COPY requirements.lock ./
COPY --from=wheel /wheel /wheel
RUN uv venv /opt/stillhouse \
    && uv pip install --no-cache --python /opt/stillhouse --constraints requirements.lock "$(ls /wheel/*.whl)[server]"

FROM tools AS worker-environment
COPY requirements.lock ./
COPY --from=wheel /wheel /wheel
RUN uv venv /opt/stillhouse \
    && uv pip install --no-cache --python /opt/stillhouse --constraints requirements.lock "$(ls /wheel/*.whl)[worker,engine]"

# What both images are at run time: an ordinary user, folders of its own, and the environment at /opt/stillhouse.
FROM python:${PYTHON} AS runtime
RUN useradd --uid 8470 --create-home --home-dir /var/lib/stillhouse --shell /usr/sbin/nologin stillhouse \
    && install --directory --owner stillhouse --group stillhouse /artifacts /data /weights /cache
ENV PATH=/opt/stillhouse/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STILLHOUSE_HOME=/var/lib/stillhouse \
    STILLHOUSE_ARTIFACT_ROOT=/artifacts \
    STILLHOUSE_DATA_ROOT=/data \
    STILLHOUSE_LOG_FORMAT=json
WORKDIR /var/lib/stillhouse
USER 8470:8470
ENTRYPOINT ["stillhouse"]

FROM runtime AS server
COPY --from=server-environment /opt/stillhouse /opt/stillhouse
ENV STILLHOUSE_HOST=0.0.0.0
EXPOSE 8470
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8470/healthz', timeout=4)"]
CMD ["server"]

# No health check: a worker serves nothing. Its heartbeat is in the database (GET /v1/workers), and it exits when ill.
FROM runtime AS worker
COPY --from=worker-environment /opt/stillhouse /opt/stillhouse
ENV STILLHOUSE_WEIGHTS_ROOT=/weights \
    STILLHOUSE_CACHE_ROOT=/cache
CMD ["worker"]
