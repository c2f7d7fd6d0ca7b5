# shellcheck shell=bash
# Debian packages, installed only where one is missing. Sourced by Deploy/try and Tests/run.

# What building and running glm-agent needs.
# shellcheck disable=SC2034  # for whoever sources this
build_packages=(
    libuv1-dev libcbor-dev libyaml-dev libmicrohttpd-dev libssl-dev libcurl4-openssl-dev pkg-config
)

say() { printf '==> %s\n' "$*"; }

fail() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 1
}

# need_packages PACKAGE… installs those that are missing; root, or sudo, is needed for that alone.
need_packages() {
    local package missing=()
    for package in "$@"; do
        if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
            missing+=("$package")
        fi
    done
    if [ ${#missing[@]} -eq 0 ]; then
        say "Debian packages: all there"
        return
    fi
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            fail "these Debian packages are missing: ${missing[*]}
  Install them as root: apt-get install ${missing[*]}
  Then run this again; nothing else needs root."
        as_root=(sudo)
    fi
    say "installing Debian packages: ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# need_swift checks that a Swift toolchain of 6.3 or newer is on the PATH.
need_swift() {
    local where="
  Get Swift 6.3 or newer for this system from https://www.swift.org/install/linux/
  (swiftly, or the tarball: unpack it and put its usr/bin on the PATH), then run this again."
    command -v swift >/dev/null || fail "there is no \`swift\` on the PATH.$where"
    local version major minor
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p')
    [ -n "$version" ] || fail "\`swift --version\` tells no version.$where"
    major=${version%%.*} minor=${version#*.}
    if [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 3 ]; }; then
        fail "this is Swift $version, and 6.3 is needed.$where"
    fi
    say "Swift $version: $(command -v swift)"
}
