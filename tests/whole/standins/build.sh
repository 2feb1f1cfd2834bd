#!/bin/sh
# Build every image of the deployment with buildah, where no image registry is reachable, and load it into the engine:
#   tests/whole/standins/build.sh [RELEASE [CHECKOUT]]
# Needs root, buildah, mmdebstrap, Python 3.12 and .venv/bin/caddy. The Dockerfile is used unchanged, on a Debian with
# this machine's Python 3.12 and with this machine's certificates, pip and uv configuration and uv cache.
set -eu
release=${1:-local}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
checkout=${2:-$root}
work=${WORK:-/var/tmp/carvalue-whole}
mkdir -p "$work"
cat > "$work/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$work/images"
runroot = "$work/run"
END
export CONTAINERS_STORAGE_CONF="$work/storage.conf"

build() { # TARGET IMAGE CONTEXT [OPTION ...]
  target=$1 image=$2 context=$3
  shift 3
  begin=$(date +%s)
  nice buildah build --quiet --isolation chroot --layers --format docker --from localhost/carvalue-base \
    --target "$target" --tag "$image" "$@" --file "$context/Dockerfile" "$context" > "$work/$target.log" 2>&1 ||
    { tail -n 40 "$work/$target.log" >&2; exit 1; }
  nice buildah push --quiet "$image" "docker-archive:$work/image.tar:$image"
  docker load --quiet --input "$work/image.tar"
  rm "$work/image.tar"
  echo "$image: $(($(date +%s) - begin)) s"
}

base() {
  mkdir -p "$work/base/usr/local"
  nice mmdebstrap --quiet --variant=minbase --include=ca-certificates,libbz2-1.0,libexpat1,libffi8,libgdbm6,liblzma5 \
    --include=libncursesw6,libnsl2,libreadline8,libsqlite3-0,libssl3,libuuid1,netbase,tzdata,zlib1g \
    bookworm "$work/base/base.tar"
  prefix=$(python3.12 -c 'import sys; print(sys.base_prefix)')
  tar --create --directory "$prefix" --exclude=site-packages --exclude=__pycache__ --exclude=test \
    bin/python bin/python3 bin/python3.12 include lib | tar --extract --directory "$work/base/usr/local"
  cat > "$work/base/Dockerfile" <<END
FROM scratch
ADD base.tar /
COPY usr/local /usr/local
RUN mkdir -p /usr/local/lib/python3.12/site-packages && ldconfig && python3 -m ensurepip && ln -s pip3 /usr/local/bin/pip
END
  buildah build --quiet --isolation chroot --tag localhost/carvalue-base "$work/base"
}

buildah inspect localhost/carvalue-base > /dev/null 2>&1 || base
mkdir -p "$work/standins"
cp "$here/Dockerfile" "$here/postgres.sh" "$root/.venv/bin/caddy" "$work/standins"
for name in caddy postgres redis prometheus alertmanager; do
  build "$name" "carvalue-standin-$name:local" "$work/standins"
done
printf 'system-certs = true\n' > "$work/uv.toml"
touch /etc/pip.conf
for name in service page watcher mlflow airflow; do
  build "$name" "carvalue-$name:$release" "$checkout" \
    --volume /etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro \
    --volume /etc/pip.conf:/etc/pip.conf:ro --volume "$work/uv.toml:/etc/uv/uv.toml:ro" \
    --volume "$("${UV:-uv}" cache dir):/root/.cache/uv"
done
