#!/bin/sh
# Sets up this system for a program that was just installed: its user, its folders, a first
# configuration where there is none. A service that runs is started again with the new version.
#
# DOC  where config.example.yaml lies
set -eu
umask 027

config=/etc/pigment-watcher/config.yaml
is_first=no

systemd-sysusers pigment-watcher.conf
systemd-tmpfiles --create pigment-watcher.conf
if [ ! -e "$config" ]; then
    is_first=yes
    cp "$DOC/config.example.yaml" "$config"
    chgrp pigment-watcher "$config"
    chmod 640 "$config"
fi

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    # Imports in progress go on at Pigment, and are asked after by the new one.
    systemctl try-restart pigment-watcher.service 'pigment-watcher@*.service'
fi

if [ "$is_first" = yes ]; then
    cat <<'TEXT'
pigment-watcher is installed, and not started yet:
  1. put the API key into /etc/pigment-watcher/api-key
  2. write your routes into /etc/pigment-watcher/config.yaml
  3. cd /etc/systemd/system && mkdir -p pigment-watcher.service.d
     pigment-watcher systemd-dropin > pigment-watcher.service.d/folders.conf
     systemctl daemon-reload
  4. systemctl enable --now pigment-watcher
TEXT
fi
