# The program alone, statically linked, for pipelines and servers that run
# containers:
#
#   docker build -t assetsync .
#   docker run --rm -v "$PWD:/work" -u "$(id -u):$(id -g)" -e AWS_REGION ... assetsync push --dry-run
#
# docs/ci.md says more.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# With .git, of which the program gets its version.
COPY . .
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH make build
# What an empty image has not: a place for temporary files, and one to work in.
RUN mkdir -p /root-of-image/work && mkdir -m 1777 /root-of-image/tmp

FROM scratch
LABEL org.opencontainers.image.title="assetsync" \
      org.opencontainers.image.description="Keeps AWS DevOps Agent assets equal to directories" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /root-of-image/ /
COPY --from=build /src/bin/assetsync /usr/local/bin/assetsync
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/assetsync"]
