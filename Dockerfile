# syntax=docker/dockerfile:1
# CoDAAR with all plug-ins and recipes, for the CPU:
#   docker build --tag codaar .
#   docker run --rm --volume "$PWD/runs:/home/codaar/runs" codaar run recipes/avt.toml
# For an NVIDIA GPU (docker run --gpus all), with torch and its CUDA libraries as PyPI has them:
#   docker build --build-arg BASE=nvidia/cuda:12.8.1-base-ubuntu24.04 --build-arg TORCH_INDEX=https://pypi.org/simple --tag codaar:cuda .
ARG BASE=ubuntu:24.04

FROM ${BASE} AS python
ENV DEBIAN_FRONTEND=noninteractive PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home codaar && install --directory --owner codaar /opt/codaar /source
USER codaar
RUN python3 -m venv /opt/codaar
ENV PATH=/opt/codaar/bin:$PATH

# What .devcontainer uses: torch, and nothing of this repository, which is mounted and installed there.
FROM python AS development
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH=2.13.0
RUN pip install --index-url "${TORCH_INDEX}" "torch==${TORCH}"

FROM development AS wheels
COPY --chown=codaar . /source
RUN pip install "hatchling>=1.26" tomli \
    && python /source/tools/archives.py /tmp/built /source /source/distribution /source/plugins/*/

FROM development AS codaar
COPY --from=wheels /tmp/built/from-archives /tmp/wheels
RUN pip install --find-links /tmp/wheels "codaar[all]"
WORKDIR /home/codaar
RUN codaar init --all
ENTRYPOINT ["codaar"]
CMD ["--help"]
