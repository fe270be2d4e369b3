# LiteLLM Proxy from its package on PyPI: the very version that the tests install, as an unprivileged user, with the
# configuration of this repository in it.
FROM python:3.13.5-slim-bookworm AS litellm
RUN ["useradd", "--uid", "10001", "--no-create-home", "--home-dir", "/tmp", "--shell", "/usr/sbin/nologin", "litellm"]
RUN ["pip", "install", "--no-cache-dir", "litellm[proxy]==1.108.7"]
COPY infra/litellm /etc/litellm
# It asks nobody for prices, writes no pages of its own and runs from a read-only file system.
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 LITELLM_LOCAL_MODEL_COST_MAP=True DISABLE_ADMIN_UI=True LITELLM_NON_ROOT=true
USER 10001:10001
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=5 CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:4000/health/liveliness', timeout=4)"]
ENTRYPOINT ["litellm", "--host", "0.0.0.0", "--port", "4000", "--telemetry", "False"]
CMD ["--config", "/etc/litellm/config.yaml"]
