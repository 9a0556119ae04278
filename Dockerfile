# Image for serving: Python, the packages, the service and the bundled digit model, and nothing
# else: no torch, no onnx, no pip, no shell. `deploy/image/build.sh` builds it.
# The base may be another name of the same system, such as one with a digest.
ARG BASE=python:3.11-bookworm
FROM ${BASE} AS build
# pip and the program that writes the bill of materials have an environment that is not copied.
COPY deploy/image/bill.txt /opt/
RUN python3 -m venv /opt/tools \
 && /opt/tools/bin/pip install --no-cache-dir --require-hashes --requirement /opt/bill.txt
COPY requirements/serve.txt /opt/
# Remove tests and sources of packages, the parts of onnxruntime for model conversion and for
# other languages, and symbols for debuggers. (strip breaks the libraries in .libs folders.)
RUN python3 -m venv --without-pip /opt/service \
 && /opt/tools/bin/pip --python /opt/service/bin/python install --no-cache-dir --no-compile \
    --require-hashes --requirement /opt/serve.txt \
 && packages=/opt/service/lib/python3.11/site-packages \
 && find "$packages" -type d -name tests -prune -exec rm -rf {} + \
 && find "$packages" -regex '.*\.\(c\|cpp\|h\|pyx\|pxd\|pyi\|a\)' -delete \
 && for unused in tools transformers quantization datasets backend ; do \
      rm -rf "$packages/onnxruntime/$unused"; done \
 && find "$packages" -name 'libonnxruntime.so*' -delete \
 && find "$packages" -name '*.so' -not -path '*.libs/*' -exec strip --strip-unneeded {} +
COPY deploy/image/root.py /opt/
RUN install -d /opt/root && python3 /opt/root.py /opt/root
COPY LICENSE /app/
COPY service /app/service
# Nothing can be compiled later, so modules are compiled here. Their files have the hash of the
# source and not its time; they, the modes and the times do not depend on the machine that builds.
ARG SOURCE_DATE_EPOCH=0
RUN /opt/tools/bin/cyclonedx-py environment --output-reproducible --no-validate \
    --output-file /app/sbom.json /opt/service/bin/python \
 && python3 -m compileall -q --invalidation-mode unchecked-hash \
    -x '/pygments/lexers/|/sqlalchemy/dialects/(mssql|mysql|oracle)/' /opt/root /opt/service /app \
 && install -d -o 65532 -g 65532 -m 700 /data \
 && chmod -R u=rwX,go=rX /opt/root /opt/service /app \
 && find /opt/root /opt/service /app /data -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

FROM scratch
COPY --from=build /opt/root /
COPY --from=build /opt/service /opt/service
COPY --from=build --chown=65532:65532 /data /data
COPY --from=build /app /app
WORKDIR /app
# Temporary files of SQLite are the only ones; the root cannot be written.
ENV PATH=/opt/service/bin:/usr/local/bin:/usr/bin \
    LANG=C.UTF-8 \
    TMPDIR=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HIGHWAY_HOST=0.0.0.0 \
    HIGHWAY_PORT=8000 \
    HIGHWAY_HEALTH_PORT=8001 \
    HIGHWAY_LEDGER_URL=sqlite:////data/ledger.db
VOLUME /data
USER 65532:65532
EXPOSE 8000 8001
# Liveness, on the port that no load can delay: a busy server must not be restarted.
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s --retries=3 \
  CMD ["python", "-SIc", "import os, socket as s, sys; c = s.create_connection(('127.0.0.1', int(os.environ['HIGHWAY_HEALTH_PORT'])), 2); c.sendall(b'GET /v2/health/live HTTP/1.0\\r\\n\\r\\n'); sys.exit(b' 200 ' not in c.recv(64))"]
CMD ["python", "-m", "service", "serve"]
ARG VERSION=unknown
ARG REVISION=unknown
# Time of the commit, not of the build.
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="highway-networks" \
      org.opencontainers.image.description="Serves highway networks over HTTP and gRPC, with the gates of every layer" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="https://github.com/highway-networks/highway-networks" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
