# Image for serving: no torch, no onnx, no compiler; with the bundled digit model.
FROM python:3.11-bookworm AS build
RUN python3 -m venv /opt/service
COPY requirements/serve.txt /opt/
# Remove pip, tests and sources of packages, the parts of onnxruntime for model conversion and for
# other languages, and debug symbols. (strip breaks the libraries in .libs folders.)
RUN /opt/service/bin/pip install --no-cache-dir --require-hashes --requirement /opt/serve.txt \
 && /opt/service/bin/pip uninstall --yes pip setuptools \
 && cd /opt/service/lib/python3.11/site-packages \
 && find . -type d -name tests -prune -exec rm -rf {} + \
 && find . -regex '.*\.\(c\|cpp\|h\|pyx\|pxd\|pyi\|a\)' -delete \
 && rm -rf onnxruntime/tools onnxruntime/transformers onnxruntime/quantization \
    onnxruntime/datasets onnxruntime/backend onnxruntime/capi/libonnxruntime.so* \
 && find . -name '*.so' -not -path '*.libs/*' -exec strip --strip-debug {} + \
 && install -d -o 65532 -g 65532 /opt/data

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="highway-networks" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/service /opt/service
COPY --from=build --chown=65532:65532 /opt/data /data
COPY LICENSE /app/
COPY service /app/service
WORKDIR /app
ENV PATH=/opt/service/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HIGHWAY_HOST=0.0.0.0 \
    HIGHWAY_PORT=8000 \
    HIGHWAY_HEALTH_PORT=8001 \
    HIGHWAY_LEDGER_URL=sqlite:////data/ledger.db
VOLUME /data
USER 65532:65532
EXPOSE 8000
# Liveness, on the port that no load can delay: a busy server must not be restarted.
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s --retries=3 \
  CMD ["python", "-SIc", "import os, socket as s, sys; c = s.create_connection(('127.0.0.1', int(os.environ['HIGHWAY_HEALTH_PORT'])), 2); c.sendall(b'GET /v2/health/live HTTP/1.0\\r\\n\\r\\n'); sys.exit(b' 200 ' not in c.recv(64))"]
CMD ["python", "-m", "service", "serve"]
