#!/bin/sh
# Builds the Debian package of this release from its wheels: build/pigment-watcher_VERSION_ARCH.deb.
#
# The program comes with all that it imports, in a folder of its own, so it depends on one Python and
# on nothing else that another package could change.
set -eu
umask 022

here=$(cd "$(dirname "$0")/.." && pwd)
WHEELS=${WHEELS:-$here/build/wheels}
OUT=${OUT:-$here/build}
. "$here/packaging/wheels.sh"
version=$(version_of_wheels)
python=$(python_of_wheels)
arch=$(dpkg --print-architecture)
root=$(mktemp -d)
chmod 755 "$root"
trap 'rm -rf "$root"' EXIT

WHEELS=$WHEELS DESTDIR=$root PREFIX=/usr sh "$here/packaging/install.sh" install
mkdir -p "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<TEXT
Package: pigment-watcher
Version: $version
Architecture: $arch
Maintainer: The pigment-watcher developers <pigment-watcher@example.invalid>
Section: net
Priority: optional
Depends: python$python, systemd
Recommends: ca-certificates
Installed-Size: $(du -sk "$root" | cut -f1)
Description: carries CSV files from folders into Pigment, once and in order
 A service that watches folders, waits until a file is complete, pushes it
 through Pigment's Import API, asks how the import went, and moves the file
 to done/ or failed/, with a reason in plain words beside it.
TEXT
{
    # shellcheck disable=SC2016  # it is expanded when the script runs
    printf '#!/bin/sh\nset -e\n[ "$1" = configure ] || exit 0\nDOC=/usr/share/doc/pigment-watcher\n'
    sed 1d "$here/packaging/configure.sh"
} >"$root/DEBIAN/postinst"
cp "$here/packaging/debian/prerm" "$here/packaging/debian/postrm" "$root/DEBIAN/"
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm" "$root/DEBIAN/postrm"
(cd "$root" && find usr -type f -exec md5sum {} +) >"$root/DEBIAN/md5sums"
mkdir -p "$OUT"
dpkg-deb --root-owner-group -Zxz --build "$root" "$OUT/pigment-watcher_${version}_$arch.deb" >&2
echo "$OUT/pigment-watcher_${version}_$arch.deb"
