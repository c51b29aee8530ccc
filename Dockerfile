# One image for all services: docker-compose.yml says which one a container is.
FROM python:3.11-slim-bookworm

# ActiveMQ Classic and its Java are here for the broker alone; it is the same that `make services`
# runs and the tests test. The man page folder is asked for by Java's package.
RUN mkdir -p /usr/share/man/man1 \
    && apt-get update \
    && apt-get install -y --no-install-recommends \
        activemq libxstream-java openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --system --uid 10001 --create-home testbed \
    && install -d -o testbed -g testbed -m 700 /var/lib/swf-testbed
WORKDIR /opt/swf-testbed
COPY pyproject.toml README.md LICENSE ./
COPY swf_common_lib swf_common_lib
COPY workflows workflows
COPY agents agents
COPY orchestrator orchestrator
COPY monitor monitor
COPY mcp_server mcp_server
COPY supervisord.conf agents.supervisord.conf testbed.toml ./
RUN pip install --no-cache-dir --editable '.[postgres]'

USER testbed
ENV SWF_HOME=/opt/swf-testbed SWF_RUNTIME_DIR=/var/lib/swf-testbed PYTHONUNBUFFERED=1
CMD ["python", "-m", "monitor", "serve"]
