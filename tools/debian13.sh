#!/usr/bin/env bash
# Builds the project on Debian 13 (Python 3.13, g++ 14), without precompiled headers, and runs a part of its tests there.
#
#   tools/debian13.sh                       build, then `make quick`
#   tools/debian13.sh COMMAND ...           build, then this command instead, in the project's folder
#   CXX=clang++ tools/debian13.sh           the same with another compiler, which is installed in the root
#
# Run it as root. The root lies in build/debian13 and is kept, so that a second run only builds what changed; remove it with
# `rm -r build/debian13`. Packages come from the sources of this machine's apt where it is Debian, else from the default mirror.
# Exit status 77: such a root can't be had here, and the last line says why. Nothing was built then.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD/build/debian13/root
compiler=${CXX:-g++}
project=/srv/alphaforge

unavailable() {
  echo "no Debian 13 root here: $*" >&2
  exit 77
}

[ "$(id -u)" = 0 ] || unavailable "run it as root"
unshare --mount true 2>/dev/null || unavailable "mounts are not permitted"
command -v mmdebstrap >/dev/null || unavailable "mmdebstrap is missing; on Debian: apt-get install mmdebstrap"

packages=ca-certificates,git,make,python3-dev,python3-venv,g++
[ "$compiler" = g++ ] || packages+=,${compiler%++}

if [ ! -e "$root.packages" ] || [ "$(cat "$root.packages")" != "$packages" ]; then
  rm -rf --one-file-system "$root" "$root.packages"
  mkdir -p "$(dirname "$root")"
  sources=()
  if [ -e /etc/apt/sources.list.d/debian.sources ]; then
    # The first stanza is the archive itself, the others are updates of this machine's release.
    sed -e '/^#/d' -e '/^$/,$d' -e 's/^Suites:.*/Suites: trixie/' /etc/apt/sources.list.d/debian.sources >"$root.sources"
    sources=("$root.sources")
  fi
  mmdebstrap --quiet --variant=apt --include="$packages" trixie "$root" "${sources[@]}" || {
    rm -rf --one-file-system "$root"
    unavailable "mmdebstrap failed"
  }
  # Certificates and indexes that this machine trusts and uses, for pip and uv.
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  [ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
  [ ! -e /etc/uv/uv.toml ] || install -D /etc/uv/uv.toml "$root/etc/uv/uv.toml"
  echo "$packages" >"$root.packages"
fi
cp /etc/resolv.conf /etc/hosts "$root/etc/"

# Files tracked by git, as in the working tree. Files keep their times, so that make builds what changed.
mkdir -p "$root$project"
find "$root$project" -mindepth 1 -maxdepth 1 ! -name .venv ! -name build -exec rm -rf {} +
git ls-files -z | xargs -0 sh -c 'for file; do [ ! -e "$file" ] || printf "%s\0" "$file"; done' sh |
  tar --create --null --files-from=- | tar --extract --directory "$root$project"

if [ $# = 0 ]; then set -- make quick; fi
kept=(HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CXX="$compiler")
kept+=(CMAKE_ARGS=-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt)
while IFS= read -r line; do kept+=("$line"); done < <(env | grep -E '^(CI|(PIP|UV)_[A-Z_]*INDEX[A-Z_]*|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY)=' || true)

# The mounts end with the namespace, however the command ends.
export root project
# shellcheck disable=SC2016
unshare --mount bash -euc '
  mount --bind /proc "$root/proc"
  mount --rbind /dev "$root/dev"
  exec chroot "$root" env -i "${@:2:$1}" bash -euc '\''
    cd "$1"; shift
    echo "Debian $(cat /etc/debian_version), $(python3 --version), $("$CXX" --version | head -1)"
    make build
    export PATH=$PWD/.venv/bin:$PATH
    exec "$@"
  '\'' bash "$project" "${@:2+$1}"
' bash "${#kept[@]}" "${kept[@]}" "$@"
