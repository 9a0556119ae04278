# Serving alone: no torch, no onnx, no compiler; the bundled digit model inside.
FROM python:3.11-slim-bookworm AS build
RUN python3 -m venv /opt/service
COPY requirements/serve.txt /opt/
# Neither pip nor the packages' own tests are needed at run time.
RUN /opt/service/bin/pip install --no-cache-dir --require-hashes --requirement /opt/serve.txt \
 && /opt/service/bin/pip uninstall --yes pip setuptools \
 && find /opt/service -type d -name tests -prune -exec rm -rf {} +

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="highway-networks" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/service /opt/service
COPY LICENSE /app/
COPY service /app/service
WORKDIR /app
ENV PATH=/opt/service/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HIGHWAY_HOST=0.0.0.0 \
    HIGHWAY_PORT=8000
USER 65532:65532
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['HIGHWAY_PORT'] + '/v2/health/ready', timeout=2)"]
CMD ["python", "-m", "service", "serve"]
