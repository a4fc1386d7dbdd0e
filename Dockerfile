# nginx with the module, and the administrator's command, of the Debian packages
# that are built here: docs/containers.md.

FROM docker.io/library/debian:bookworm-slim AS build

WORKDIR /src
COPY debian/control debian/
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential \
    && apt-get build-dep -y --no-install-recommends ./ \
    && rm -rf /var/lib/apt/lists/*

COPY . .
RUN debian/copy-source /build/autoflow
WORKDIR /build/autoflow
RUN DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -b -us -uc


FROM docker.io/library/debian:bookworm-slim

# hadolint ignore=DL3008
RUN --mount=type=bind,from=build,source=/build,target=/build \
    apt-get update \
    && apt-get install -y --no-install-recommends nginx /build/*.deb \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o www-data -g www-data -m 700 /etc/nginx/autoflow \
    && install -d -o www-data -g www-data /var/lib/autoflow/administrator

COPY containers/administrator /usr/local/bin/
COPY containers/autoflow.conf /etc/
COPY containers/nginx.conf /etc/nginx/
COPY containers/site.conf /etc/nginx/conf.d/

# www-data: by number, since that is what can be checked from outside
USER 33:33
EXPOSE 8080
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["curl", "-fsSo", "/dev/null", "http://127.0.0.1:8080/health/ready"]
CMD ["nginx", "-e", "stderr", "-g", "daemon off;"]
