#!/bin/sh
# Installs pigment-watcher from the wheels of this release, or removes it.
#
#   packaging/install.sh install      the program, its units and documents; then configure.sh
#   packaging/install.sh uninstall    all of that; configuration, journal, key and user are left
#
# PREFIX   where to: /usr/local
# DESTDIR  a folder that stands for /, for packagers: nothing is set up on this system
# WHEELS   where the wheels and their SHA256SUMS lie
# PYTHON   which Python runs it; by itself the one in /usr/bin that the wheels were made for
set -eu
umask 022

here=$(cd "$(dirname "$0")/.." && pwd)
PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
WHEELS=${WHEELS:-$here/build/wheels}
. "$here/packaging/wheels.sh"

lib=$PREFIX/lib/pigment-watcher
doc=$PREFIX/share/doc/pigment-watcher
# systemd looks below /usr and /usr/local, and into /etc for whatever is elsewhere.
case $PREFIX in
    /usr | /usr/local) units=$PREFIX/lib/systemd/system users=$PREFIX/lib/sysusers.d files=$PREFIX/lib/tmpfiles.d ;;
    *) units=/etc/systemd/system users=/etc/sysusers.d files=/etc/tmpfiles.d ;;
esac
# Where each shell looks for what completes a command; Debian's zsh reads below /usr by another name.
zsh=$PREFIX/share/zsh/site-functions
[ "$PREFIX" != /usr ] || zsh=$PREFIX/share/zsh/vendor-completions
completions="bash:$PREFIX/share/bash-completion/completions/pigment-watcher zsh:$zsh/_pigment-watcher"
completions="$completions fish:$PREFIX/share/fish/vendor_completions.d/pigment-watcher.fish"

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

find_python() {
    made_for=$(python_of_wheels)
    PYTHON=${PYTHON:-/usr/bin/python$made_for}
    found=$("$PYTHON" -I -c 'import sqlite3, ssl, sys, venv; print("%d.%d" % sys.version_info[:2])') ||
        fail "no usable Python at $PYTHON: install python$made_for, or name another by PYTHON="
    [ "$found" = "$made_for" ] ||
        fail "$PYTHON is Python $found, and these wheels are made for $made_for: name one of those by" \
            "PYTHON=, or make the wheels anew (make clean, then make PYTHON=$PYTHON install)"
    case $(readlink -f "$PYTHON") in
        /root/* | /home/*) fail "$PYTHON lies in a home directory, which the service can't see: name another by PYTHON=" ;;
    esac
}

make_program() {
    (cd "$WHEELS" && sha256sum --check --quiet --strict SHA256SUMS) >&2 ||
        fail "the wheels in $WHEELS are not those of this release (SHA256SUMS): get it again"
    new=$DESTDIR$lib.new
    rm -rf "$new"
    mkdir -p "$new"
    "$PYTHON" -I -m venv --without-pip "$new"
    # pip runs from its own wheel and is not installed: nothing is fetched, and nothing updates itself.
    pip=$(echo "$WHEELS"/pip-*.whl)
    set --
    for wheel in "$WHEELS"/*.whl; do
        [ "$wheel" = "$pip" ] || set -- "$@" "$wheel"
    done
    "$new/bin/python" -I "$pip/pip" --disable-pip-version-check --quiet install --no-index --no-deps \
        --no-compile --no-cache-dir --no-warn-script-location --root-user-action=ignore "$@"
    # What is left of bin/ names this folder, which is about to be renamed.
    find "$new/bin" -mindepth 1 ! -name 'python*' -delete
    "$new/bin/python" -I -m compileall -q -s "$new" -p "$lib" "$new/lib"
    "$new/bin/python" -I -m pigment_watcher --version >/dev/null

    # The old one goes only when the new one has been seen to run.
    rm -rf "$DESTDIR$lib.old"
    [ ! -e "$DESTDIR$lib" ] || mv "$DESTDIR$lib" "$DESTDIR$lib.old"
    mv "$new" "$DESTDIR$lib"
    rm -rf "$DESTDIR$lib.old"

    mkdir -p "$DESTDIR$PREFIX/bin"
    command=$DESTDIR$PREFIX/bin/pigment-watcher
    printf '#!/bin/sh\nexec %s/bin/python -I -m pigment_watcher "$@"\n' "$lib" >"$command.new"
    chmod 755 "$command.new"
    mv "$command.new" "$command"
}

# put SOURCE TARGET: a file whose paths are those of this PREFIX
put() {
    mkdir -p "$DESTDIR$(dirname "$2")"
    sed -e "s|/usr/bin/pigment-watcher|$PREFIX/bin/pigment-watcher|" \
        -e "s|/usr/share/doc|$PREFIX/share/doc|" "$1" >"$DESTDIR$2"
}

make_surroundings() {
    for unit in pigment-watcher.service pigment-watcher@.service; do
        put "$here/systemd/$unit" "$units/$unit"
    done
    put "$here/systemd/pigment-watcher.sysusers" "$users/pigment-watcher.conf"
    put "$here/systemd/pigment-watcher.tmpfiles" "$files/pigment-watcher.conf"
    for file in README.md CHANGELOG.md LICENSE config.example.yaml docs/configuration.md docs/drives.md \
        docs/operations.md docs/reasons.md docs/reliability.md docs/monitoring.md docs/alerts.yml \
        systemd/notify-reload.conf systemd/on-failure.conf systemd/pigment-watcher-failed@.service; do
        put "$here/$file" "$doc/${file##*/}"
    done
}

make_completions() {
    for one in $completions; do
        mkdir -p "$DESTDIR$(dirname "${one#*:}")"
        "$DESTDIR$lib/bin/python" -I -m pigment_watcher completion "${one%%:*}" >"$DESTDIR${one#*:}"
    done
}

install_it() {
    find_python
    make_program
    make_surroundings
    make_completions
    [ -n "$DESTDIR" ] || DOC=$doc sh "$here/packaging/configure.sh"
}

uninstall_it() {
    if [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; then
        # Not fatal: one that was never enabled, or a unit that is gone already.
        systemctl disable --now pigment-watcher.service || true
        systemctl stop 'pigment-watcher@*.service' || true
    fi
    rm -rf "$DESTDIR$lib" "$DESTDIR$lib.new" "$DESTDIR$lib.old" "$DESTDIR$doc"
    rm -f "$DESTDIR$PREFIX/bin/pigment-watcher" "$DESTDIR$units/pigment-watcher.service" \
        "$DESTDIR$units/pigment-watcher@.service" "$DESTDIR$users/pigment-watcher.conf" \
        "$DESTDIR$files/pigment-watcher.conf"
    for one in $completions; do
        rm -f "$DESTDIR${one#*:}"
    done
    if [ -z "$DESTDIR" ]; then
        [ ! -d /run/systemd/system ] || systemctl daemon-reload
        echo "pigment-watcher is removed. Left: /etc/pigment-watcher, /var/lib/pigment-watcher (its" \
            "journal), the user pigment-watcher, and every file in the watched folders."
    fi
}

case ${1:-} in
    install) install_it ;;
    uninstall) uninstall_it ;;
    *) fail "say install or uninstall; what else it takes stands at its top" ;;
esac
