# syntax=docker/dockerfile:1
# One image for `mneme api`, `mneme worker`, `mneme beat` and `mneme migrate`. Three stages: what runs, the encoder
# (made with torch, which stays behind), and the final image, which holds the first two without any build tool.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/mneme
ENV PATH=/opt/mneme/bin:$PATH
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY app app
COPY workers workers
COPY migrations migrations
RUN pip install --constraint constraints.txt .

FROM build AS encoder
# The CPU build of torch: the default one on Linux brings several gigabytes of CUDA along.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --index-url "${TORCH_INDEX}" torch==2.13.0 \
    && pip install --constraint constraints.txt '.[model]'
ENV MNEME_MODEL_DIR=/models
RUN mneme model export

FROM python:3.11-slim-bookworm AS final
RUN groupadd --gid 10001 mneme \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin mneme
COPY --from=build /opt/mneme /opt/mneme
COPY --from=encoder /models /opt/models
ENV PATH=/opt/mneme/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    MNEME_HOST=0.0.0.0 \
    MNEME_PORT=8000 \
    MNEME_HOME=/tmp/mneme \
    MNEME_MODEL_DIR=/opt/models
WORKDIR /opt
USER 10001:10001
EXPOSE 8000
# Liveness only: a store that is down must not restart gateways. Services that are not gateways override it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['MNEME_PORT']}/health/live\", timeout=2)"]
# SIGTERM drains gateways and workers alike.
STOPSIGNAL SIGTERM
ENTRYPOINT ["mneme"]
CMD ["api"]
