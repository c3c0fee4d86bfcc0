# MinIO from its source, as its makers publish it.
ARG GO=golang:1.26-bookworm
ARG BASE=debian:bookworm-slim

FROM ${GO} AS build
ARG MINIO=latest
RUN CGO_ENABLED=0 GOBIN=/build go install -trimpath -ldflags="-s -w" github.com/minio/minio@${MINIO}

FROM ${BASE}
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir /data && chown 10001:10001 /data
COPY --from=build /build/minio /usr/local/bin/minio
ENV HOME=/data
USER 10001:10001
VOLUME /data
EXPOSE 9000
CMD ["minio", "server", "/data", "--address", ":9000", "--quiet"]
