# CPU: docker build -t dtn-studio .    GPU: --build-arg TORCH_BACKEND=cu130    See docs/scaling.md.
FROM python:3.12-slim

ARG TORCH_BACKEND=cpu
ENV PYTHONUNBUFFERED=1

RUN useradd --create-home --uid 1000 dtn
WORKDIR /home/dtn/app

COPY requirements.txt .
RUN pip install --no-cache-dir "uv==0.13.*" \
  && uv pip install --system --no-cache --torch-backend "$TORCH_BACKEND" -r requirements.txt

COPY . .
RUN mkdir -p runs && chown dtn runs
USER 1000

EXPOSE 7860
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/', timeout=5)"]
ENTRYPOINT ["python", "app.py", "--host", "0.0.0.0"]
