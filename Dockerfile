# Built in one stage, run in another: the image that runs holds no compiler, no pip and no root process.
FROM python:3.13-slim AS build
WORKDIR /source
COPY requirements.txt ./
RUN python -m venv /opt/marrowline \
 && /opt/marrowline/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt
COPY pyproject.toml README.md ./
COPY fixtures fixtures
COPY solver solver
COPY scheduler scheduler
COPY api api
RUN /opt/marrowline/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
 && /opt/marrowline/bin/pip uninstall --yes setuptools pip

FROM python:3.13-slim
RUN python -m pip uninstall --yes pip \
 && useradd --system --no-create-home --uid 10001 --shell /usr/sbin/nologin marrowline
COPY --from=build /opt/marrowline /opt/marrowline
ENV PATH=/opt/marrowline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["marrowline"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
