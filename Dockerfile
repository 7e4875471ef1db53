# pgtape's image: Node, one bundle per role, and what `pgtape redirect` and TLS need of Debian.
# Its context is dist/image, which `scripts/image --context` fills from what `make build` compiled; see there.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG BASE
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG SOURCE=https://github.com/pgtape/pgtape
LABEL org.opencontainers.image.title="pgtape" \
      org.opencontainers.image.description="Puts every statement that reaches PostgreSQL on tape, provably." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
# A base that has the packages (the tests' own) needs no mirror.
RUN dpkg-query -W ca-certificates iptables libatomic1 libstdc++6 >/dev/null 2>&1 || { \
      apt-get update -qq && \
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        ca-certificates iptables libatomic1 libstdc++6 && \
      rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/*; \
    }
RUN echo 'pgtape:x:65532:65532:pgtape:/nonexistent:/usr/sbin/nologin' >>/etc/passwd && \
    echo 'pgtape:x:65532:' >>/etc/group && \
    find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY rootfs/ /
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/usr/bin/pgtape"]
CMD ["--help"]
