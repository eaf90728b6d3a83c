#!/bin/sh
# Packs this release into one archive that installs without a network:
# build/pigment-watcher-VERSION-cpNN-MACHINE.tar.gz.
set -eu
umask 022

here=$(cd "$(dirname "$0")/.." && pwd)
WHEELS=$here/build/wheels
. "$here/packaging/wheels.sh"
name=pigment-watcher-$(version_of_wheels)-cp$(python_of_wheels | tr -d .)-$(uname -m)
tar --create --gzip --file "$here/build/$name.tar.gz" --directory "$here" --owner=0 --group=0 \
    --transform "s|^|$name/|" \
    README.md CHANGELOG.md LICENSE config.example.yaml docs systemd packaging build/wheels
echo "$here/build/$name.tar.gz"
