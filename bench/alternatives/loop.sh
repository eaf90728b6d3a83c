#!/usr/bin/env bash
# What one would write instead: inotifywait, curl, jq and mv.
# loop.sh URL AT_ONCE POLL_S FOLDER...    The name of a folder is its import configuration's ID.
set -uo pipefail
url=$1 at_once=$2 poll_s=$3
shift 3

import() {
    local file=$1 folder=${1%/*} status=InProgress id
    until id=$(curl -fsS -H 'Authorization: Bearer key' --data-binary @"$file" \
        "$url/api/import/push/csv?configurationId=${folder##*/}" | jq -er .importId); do
        sleep "$poll_s"
    done
    while status=$(curl -fsS -H 'Authorization: Bearer key' "$url/api/import/$id/status" |
        jq -r .importStatus); [ "$status" != Completed ] && [ "$status" != Failed ]; do
        sleep "$poll_s"
    done
    mkdir -p "$folder/done" && mv "$file" "$folder/done/"
}

files() {
    find "$@" -maxdepth 1 -name '*.csv'
    exec inotifywait -mq -e close_write -e moved_to --include '\.csv$' --format '%w%f' "$@"
}

running=0
while read -r file; do
    if [ "$at_once" = 1 ]; then
        import "$file"
        continue
    fi
    import "$file" &
    running=$((running + 1))
    if [ "$running" -ge "$at_once" ]; then
        wait -n
        running=$((running - 1))
    fi
done < <(files "$@") 2>/dev/null
