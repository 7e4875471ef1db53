#!/bin/sh
# rootfs.sh TARGET.tar: Debian's PostgreSQL 15, without documentation and the JIT compiler.
set -eu
exec mmdebstrap --quiet --variant=minbase --include=postgresql-15,postgresql-client-15 \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --essential-hook='echo "postgres:x:999:999::/var/lib/postgresql:/bin/bash" >>"$1/etc/passwd"; echo "postgres:x:999:" >>"$1/etc/group"' \
  --customize-hook='rm -rf "$1"/var/lib/postgresql/* "$1"/etc/postgresql/* "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
  --customize-hook='rm -rf "$1"/usr/lib/postgresql/15/lib/bitcode "$1"/usr/lib/postgresql/15/lib/llvmjit.so "$1"/usr/lib/*/libLLVM* "$1"/usr/lib/*/libz3*' \
  --customize-hook='sed -i "s/^#listen_addresses = .*/listen_addresses = '"'*'"'/" "$1"/usr/share/postgresql/15/postgresql.conf.sample' \
  --customize-hook='install -d -o 999 -g 999 -m 1777 "$1"/var/lib/postgresql/data' \
  --customize-hook='mkdir "$1"/docker-entrypoint-initdb.d' \
  bookworm "$1"
