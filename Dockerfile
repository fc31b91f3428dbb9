# docker build -t openmer .                            for the CPU
# docker build -t openmer --build-arg TORCH=cu128 .    for CUDA 12.8
FROM python:3.12-slim AS build
ARG TORCH=cpu
ENV PATH=/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# hadolint ignore=DL3013
RUN python -m venv /venv && pip install torch torchvision --index-url https://download.pytorch.org/whl/${TORCH}
COPY pyproject.toml README.md LICENSE NOTICES.md /openmer/
COPY src /openmer/src
COPY packages /openmer/packages
RUN pip install "/openmer[torch]" /openmer/packages/weights
# Without tests and headers of libraries: nothing here runs or compiles them. The demo shows that
# all works, and compiles what is used.
WORKDIR /tmp/demo
RUN rm -rf /venv/lib/python3*/site-packages/torch/include /venv/lib/python3*/site-packages/torch/test \
 && find /venv/lib/python3*/site-packages/torch/bin -type f ! -name torch_shm_manager -delete \
 && find /venv/lib -type d -name tests -prune -exec rm -rf {} + \
 && openmer demo --size tiny

FROM python:3.12-slim
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH OPENMER_CACHE=/tmp/openmer-cache
RUN useradd --uid 1000 --create-home user && install -d -o user /data
USER 1000
WORKDIR /data
ENTRYPOINT ["openmer"]
CMD ["--help"]
