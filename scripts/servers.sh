# Sourced by scripts/e2e and scripts/e2e-cluster: the servers that tests run against, from Debian or built from Go modules into a
# cache outside the checkout, each under its version, built once. PGTAPE_E2E_CACHE names another cache.
cache=${PGTAPE_E2E_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pgtape}
jaeger_version=v1.76.0
versitygw_version=v1.8.0
kubernetes_version=1.36.3
helm_version=v3.22.0
containerd_version=v2.4.2
coredns_version=v1.15.0
actionlint_version=v1.7.12
promtool_version=v0.316.0
prometheus_operator_version=v0.85.0
cert_manager_version=$(sed -n 's/^require .*cert-manager \(v.*\)/\1/p' "$root/e2e/certManager/go.mod")
cloudnativepg_version=v1.30.0
mkdir -p "$cache/bin"

say() { printf '%s\n' "$(basename "$0"): $*" >&2; }

# Arguments are COMMAND:PACKAGE; what is missing is installed.
need_packages() {
  missing=
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
  done
  [ -z "$missing" ] && return 0
  install_packages $missing
}

install_packages() {
  say "installing Debian packages: $*"
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { say "these Debian packages are needed: $*"; exit 2; }
    as_root=sudo
  fi
  # A fresh machine has no package lists; a server package must not start a server of its own here.
  $as_root apt-get update -qq >/dev/null
  $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# give_back DIR...: what root made in a directory of the user who called sudo becomes his; buildah's storage stays as it is.
give_back() {
  [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_UID:-}" ] || return 0
  for dir in "$@"; do
    [ "$(stat -c %u "$dir" 2>/dev/null)" = "$SUDO_UID" ] || continue
    find "$dir" -path "$cache/buildah-*" -prune -o -user 0 -exec chown -h "$SUDO_UID:${SUDO_GID:-}" {} +
  done
}

need_go() {
  command -v go >/dev/null 2>&1 || { say "Go 1.26 or newer is needed to build $1"; exit 2; }
}

module_dir() { go mod download -json "$1" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p'; }

# go_install NAME VERSION PACKAGE...: $cache/bin/NAME-VERSION, or, of several packages, one command each in $cache/NAME-VERSION/.
go_install() {
  name=$1 version=$2
  shift 2
  if [ $# -eq 1 ]; then target="$cache/bin/$name-$version"; else target="$cache/$name-$version"; fi
  [ -e "$target" ] && return 0
  need_go "$name"
  say "building $name $version (a minute or two, once) ..."
  work=$(mktemp -d "$cache/building.XXXXXX")
  for package in "$@"; do
    GOBIN=$work CGO_ENABLED=0 go install -trimpath -ldflags '-s -w' "$package@$version" 2>"$work/.log" ||
      { cat "$work/.log" >&2; rm -rf "$work"; say "$name did not build"; exit 1; }
  done
  rm -f "$work/.log"
  if [ $# -eq 1 ]; then
    mv "$work"/* "$target" && rmdir "$work"
  else
    mv -T "$work" "$target" 2>/dev/null || rm -rf "$work"
  fi
}

build_actionlint() { go_install actionlint "$actionlint_version" github.com/rhysd/actionlint/cmd/actionlint; }
# Without the discovery of fifteen clouds, which takes longer to build than all the rest.
build_promtool() {
  (
    export GOFLAGS=-tags=remove_all_sd
    go_install promtool "$promtool_version" github.com/prometheus/prometheus/cmd/promtool
  )
}
# cert-manager's controllers by a command of ours: the module of its own is published nowhere.
build_cert_manager() {
  certificate_manager=$cache/bin/cert-manager-$cert_manager_version-$(cat "$root"/e2e/certManager/* | sha256sum | cut -c1-8)
  [ -x "$certificate_manager" ] && return 0
  need_go cert-manager
  say "building cert-manager $cert_manager_version (about two minutes, once) ..."
  (cd "$root/e2e/certManager" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$certificate_manager.$$" .) ||
    { say "cert-manager did not build"; exit 1; }
  mv "$certificate_manager.$$" "$certificate_manager"
}
build_versitygw() { go_install versitygw "$versitygw_version" github.com/versity/versitygw/cmd/versitygw; }
build_helm() { go_install helm "$helm_version" helm.sh/helm/v3/cmd/helm; }
build_coredns() { go_install coredns "$coredns_version" github.com/coredns/coredns; }
build_containerd() {
  module=github.com/containerd/containerd/v2/cmd
  go_install containerd "$containerd_version" $module/containerd $module/containerd-shim-runc-v2 $module/ctr
}

# copy_crds NAME MODULE VERSION FOLDER: $cache/crds/NAME-VERSION, the CustomResourceDefinitions that lie in that folder of the module.
copy_crds() {
  target=$cache/crds/$1-$3
  [ -d "$target" ] && return 0
  need_go "the CRDs of $1"
  mkdir -p "$cache/crds"
  cp -R "$(module_dir "$2@$3")/$4" "$target.$$"
  chmod -R u+w "$target.$$"
  mv -T "$target.$$" "$target" 2>/dev/null || rm -rf "$target.$$"
}

copy_all_crds() {
  copy_crds prometheus-operator github.com/prometheus-operator/prometheus-operator "$prometheus_operator_version" example/prometheus-operator-crd
  copy_crds cert-manager github.com/cert-manager/cert-manager "$cert_manager_version" deploy/crds
}

# in_wrapper NAME MODULE VERSION COMMAND...: runs COMMAND in a module of its own that requires MODULE, with that one's own requirements
# and sums; `source_dir` is where MODULE lies.
in_wrapper() {
  wrapped=$1 module=$2 version=$3
  shift 3
  work=$(mktemp -d)
  (
    cd "$work"
    export GOFLAGS=-mod=mod CGO_ENABLED=0
    source_dir=$(module_dir "$module@$version")
    sed "s|^module .*|module pgtape.test/$wrapped|" "$source_dir/go.mod" >go.mod
    cp "$source_dir/go.sum" go.sum
    chmod u+w go.mod go.sum
    printf '\nrequire %s %s\n' "$module" "$version" >>go.mod
    "$@"
  ) || { rm -rf "$work"; say "$wrapped did not build"; exit 1; }
  rm -rf "$work"
}

# `go install` refuses modules with a `replace`.
build_jaeger() {
  target="$cache/bin/jaeger-$jaeger_version"
  [ -x "$target" ] && return 0
  need_go Jaeger
  say "building Jaeger $jaeger_version (about three minutes, once) ..."
  module=github.com/jaegertracing/jaeger
  in_wrapper jaeger $module "$jaeger_version" go build -trimpath -ldflags '-s -w' -o "$target.$$" $module/cmd/jaeger
  mv "$target.$$" "$target"
}

# Its program, and the objects of its release, which lie in the module. `go install` asks for all versions of a module, and not every
# proxy tells them.
build_cloudnativepg() {
  target="$cache/cloudnativepg-$cloudnativepg_version"
  [ -d "$target" ] && return 0
  need_go CloudNativePG
  say "building CloudNativePG $cloudnativepg_version (a minute or two, once) ..."
  mkdir -p "$target.$$"
  in_wrapper cloudnativepg github.com/cloudnative-pg/cloudnative-pg "$cloudnativepg_version" cloudnativepg_files "$target.$$"
  mv -T "$target.$$" "$target"
}

cloudnativepg_files() {
  go build -trimpath -ldflags '-s -w' -o "$1/manager" "$module/cmd/manager" &&
    cp "$source_dir/releases/cnpg-${version#v}.yaml" "$1/release.yaml"
}

# k8s.io/kubernetes asks for its staging modules as v0.0.0: a wrapper module says which versions those are.
build_kubernetes() {
  bin="$cache/kubernetes-$kubernetes_version"
  done=1
  for command in "$@"; do [ -x "$bin/$command" ] || done=0; done
  [ "$done" -eq 1 ] && return 0
  need_go Kubernetes
  work=$(mktemp -d)
  (
    cd "$work"
    export GOFLAGS=-mod=mod CGO_ENABLED=0
    printf 'module pgtape.test/kubernetes\n\ngo 1.26\n\nrequire k8s.io/kubernetes v%s\n' "$kubernetes_version" >go.mod
    source_dir=$(module_dir "k8s.io/kubernetes@v$kubernetes_version")
    sed -n 's/^[[:space:]]*\(k8s\.io\/[a-z0-9-]*\) v0\.0\.0$/\1/p' "$source_dir/go.mod" | while read -r module; do
      printf 'replace %s => %s v0.%s\n' "$module" "$module" "${kubernetes_version#*.}" >>go.mod
    done
    {
      printf '//go:build tools\n\npackage kubernetes\n\nimport (\n'
      for command in "$@"; do printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' "$command"; done
      printf ')\n'
    } >tools.go
    go mod tidy -e 2>/dev/null
    version="-X k8s.io/component-base/version.gitVersion=v$kubernetes_version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$(printf '%s' "$kubernetes_version" | cut -d. -f2)"
    mkdir -p "$bin"
    for command in "$@"; do
      [ -x "$bin/$command" ] && continue
      say "building $command $kubernetes_version (minutes, once) ..."
      go build -trimpath -ldflags "-s -w $version" -o "$bin/$command.$$" "k8s.io/kubernetes/cmd/$command"
      mv "$bin/$command.$$" "$bin/$command"
    done
  ) || { rm -rf "$work"; say "Kubernetes did not build"; exit 1; }
  rm -rf "$work"
}
