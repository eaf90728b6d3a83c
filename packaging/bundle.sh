#!/bin/sh
# Packs this release into one archive that installs without a network:
# build/pigment-watcher-VERSION-cpNN-MACHINE.tar.gz.
set -eu
umask 022

here=$(cd "$(dirname "$0")/.." && pwd)
version=$(ls "$here/build/wheels" | sed -n 's/^pigment_watcher-\(.*\)-py3-none-any\.whl$/\1/p')
python=$(ls "$here/build/wheels" | sed -n 's/.*-\(cp[0-9]*\)-cp.*\.whl$/\1/p' | sort -u)
name=pigment-watcher-$version-$python-$(uname -m)
tar --create --gzip --file "$here/build/$name.tar.gz" --directory "$here" --owner=0 --group=0 \
    --transform "s|^|$name/|" \
    README.md CHANGELOG.md LICENSE config.example.yaml docs systemd packaging build/wheels
echo "$here/build/$name.tar.gz"
