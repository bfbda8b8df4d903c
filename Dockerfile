# Qasino in a container: the same packages and the same build as ./run.
#
#   docker build -t qasino .
#   docker run --shm-size=1g -v qasino:/var/lib/qasino \
#       -p 15596-15598:15596-15598 -p 15000:15000 qasino
#
# --shm-size: generations live in /dev/shm, of which Docker gives 64 MB; three
# to four times the data of one generation is what they need.  The volume
# keeps the static tables.  Options go after the image's name and win over
# those below, for example -g 10, or for HTTPS on 443:
#   -p 443:443 -v /etc/qasino:/etc/qasino:ro qasino \
#       -K /etc/qasino/keys -p /etc/qasino/htpasswd
# (the key has to be readable by uid 15597).

FROM debian:12-slim AS build
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends build-essential pkg-config nginx nginx-dev \
        libnginx-mod-stream libsqlite3-dev libyajl-dev libyaml-dev \
        libzmq3-dev libuv1-dev libcurl4-openssl-dev libedit-dev \
        libseccomp-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# What the launcher looks for beside its own binary, and nothing else.
RUN make -s -j"$(nproc)" all \
    && install -d /opt/qasino \
    && cp -r build/release/qasino-server build/release/qasino-worker \
        build/release/qasino-query build/release/qasino-zmq-bridge \
        build/release/ngx_http_qasino_module.so build/release/conf \
        build/release/examples build/release/www /opt/qasino/ \
    && strip --strip-unneeded /opt/qasino/qasino-* /opt/qasino/*.so

FROM debian:12-slim
# perl is for the examples (--demo).
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends nginx libnginx-mod-stream libsqlite3-0 \
        libyajl2 libyaml-0-2 libzmq5 libuv1 libseccomp2 perl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 15597 --user-group --no-create-home \
        --home-dir /var/lib/qasino --shell /usr/sbin/nologin qasino \
    && install -d -o qasino -g qasino /run/qasino /var/lib/qasino
COPY --from=build /opt/qasino /opt/qasino
USER qasino
VOLUME /var/lib/qasino
EXPOSE 15597 15598 15596 15000 443
STOPSIGNAL SIGTERM
# bash can open a connection by itself: no curl in the image.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD \
    ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/15597 && printf 'GET /request?op=query&sql=SELECT+1 HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["/opt/qasino/qasino-server", "--run-dir", "/run/qasino", \
    "--db-dir", "/dev/shm/qasino", \
    "--static-db", "/var/lib/qasino/static.db"]
