# Sourced by scripts that run a tool from PyPI.

# Where a version of a tool is installed; the first call installs it, beside what cargo builds: pypi_tool NAME VERSION.
pypi_tool() {
    local tool
    tool=$(realpath -m "${CARGO_TARGET_DIR:-target}")/$1-$2
    if [[ ! -e $tool/complete ]]; then
        # `set -e` does not reach into a command substitution.
        rm -rf "$tool" &&
            python3 -m venv "$tool" &&
            "$tool/bin/python" -m pip install --quiet --disable-pip-version-check "$1==$2" &&
            touch "$tool/complete" || return
    fi
    echo "$tool"
}
