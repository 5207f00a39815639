# One image for everything: the app processes, and Caddy in front of them.
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /app
COPY requirements.txt ./
# the cache is outside the image
# hadolint ignore=DL3042
RUN --mount=type=cache,target=/var/cache/pip \
    python3 -m venv --without-pip .venv \
    && pip --python .venv/bin/python install --no-compile --cache-dir /var/cache/pip --requirement requirements.txt
COPY main.py Caddyfile ./
COPY assets assets
COPY components components
COPY todos todos
COPY todosync todosync
# NiceGUI makes URLs from files' times, and layers keep whole seconds only: all get one, before the URLs are collected.
# Compiled here because the image is read-only where it runs; unchecked because the times no longer say anything.
# What is collected is linked to the packages' files, of which it is a copy.
RUN find . -exec touch --no-dereference --date=@1 {} + \
    && .venv/bin/python -m compileall -q --invalidation-mode unchecked-hash . \
    && TODOSYNC_STORAGE_DIR=/tmp/storage TODOSYNC_STATIC_DIR=/app/static .venv/bin/python -m todosync collect-static \
    && hardlink --ignore-time --keep-oldest .

FROM ${PYTHON_IMAGE} AS postgresql
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client

FROM ${PYTHON_IMAGE}
# no versions: the release of the distribution pins them, and its security fixes are wanted
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpq5 tini \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin todosync \
    && install --directory --mode=0700 --owner=todosync --group=todosync /data
# for backups; without what the package has around them, which needs Perl, 50 MB
COPY --from=postgresql /usr/lib/postgresql/*/bin/pg_dump /usr/lib/postgresql/*/bin/pg_restore /usr/local/bin/
WORKDIR /app
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NICEGUI_STORAGE_PATH=/data/nicegui \
    TODOSYNC_MIGRATIONS=/app/todos/migrations \
    TODOSYNC_ENV=production \
    TODOSYNC_HOST=0.0.0.0 \
    TODOSYNC_STATIC_DIR=/app/static \
    TODOSYNC_STORAGE_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8080 8443
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-m", "todosync", "health"]
ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "todosync", "serve"]
