# One image for every process of Carebed; the command says which. Nothing of the build stages stays in it.

FROM node:22-slim AS web
WORKDIR /web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM python:3.11-slim AS python
WORKDIR /source
RUN python -m venv /carebed/venv
ENV PATH=/carebed/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/ requirements/
# Packages that come as source are built, as is our own, by the setuptools that is pinned here, and no newer one.
RUN pip install --require-hashes -r requirements/build.txt \
    && pip install --require-hashes --no-build-isolation -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY carebed/ carebed/
COPY registry/ registry/
COPY alerts/ alerts/
COPY visits/ visits/
COPY ingest/ ingest/
COPY api/ api/
COPY gateway/ gateway/
COPY device_sim/ device_sim/
COPY migrations/ migrations/
RUN pip install --no-deps --no-build-isolation . && pip uninstall --yes setuptools

FROM python:3.11-slim
# The account of the Mosquitto image: the broker's lists and our own passwords for it are private files of one account.
# The directories are there so that fresh volumes mounted on them belong to it.
RUN groupadd --gid 1883 carebed \
    && useradd --uid 1883 --gid 1883 --no-create-home --shell /usr/sbin/nologin carebed \
    && install -d -o carebed -g carebed -m 0700 /carebed/broker /carebed/users
COPY --from=python /carebed/venv /carebed/venv
COPY --from=web /web/dist /carebed/web
ENV PATH=/carebed/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CAREBED_WEB_DIR=/carebed/web
USER carebed
CMD ["carebed", "--help"]
