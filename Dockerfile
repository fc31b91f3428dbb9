# docker build -t openmer .                            for the CPU
# docker build -t openmer --build-arg TORCH=cu128 .    for CUDA 12.8
FROM python:3.12-slim AS build
ARG TORCH=cpu
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN pip install torch torchvision --index-url https://download.pytorch.org/whl/${TORCH}
COPY pyproject.toml README.md LICENSE NOTICES.md /openmer/
COPY src /openmer/src
COPY packages /openmer/packages
RUN pip install "/openmer[torch]" /openmer/packages/weights

FROM python:3.12-slim
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH OPENMER_CACHE=/tmp/openmer-cache
RUN useradd --create-home user && install -d -o user /data
USER user
WORKDIR /data
ENTRYPOINT ["openmer"]
CMD ["--help"]
