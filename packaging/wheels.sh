# shellcheck shell=sh
# What the wheels in $WHEELS say of themselves by their names; read by the scripts beside it.

# Of which version the program is.
version_of_wheels() {
    find "$WHEELS" -name '*.whl' | sed -n 's|.*/pigment_watcher-\(.*\)-py3-none-any\.whl$|\1|p'
}

# For which Python they are made, such as 3.11: one of them holds machine code and says so.
python_of_wheels() {
    find "$WHEELS" -name '*.whl' | sed -n 's/.*-cp\([0-9]\)\([0-9]*\)-cp.*\.whl$/\1.\2/p' | sort -u
}
