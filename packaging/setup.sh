# What the scripts of this tree need from the machine: said, then installed, as root only for that.
# shellcheck shell=bash
#
# Sourced, with `me` set to the name of the script, which stands before what it says.

say() { printf '%s: %s\n' "${me:-dataflowkit}" "$*" >&2; }

# Runs a command as root; asks for it by sudo where we are not.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        say "root is needed for: $*"
        sudo "$@"
    else
        say "root is needed for: $*"
        return 1
    fi
}

# add_packages PACKAGE…: by apt or by dnf
add_packages() {
    say "installing $*"
    if command -v apt-get >/dev/null; then
        as_root apt-get -qq -o DPkg::Lock::Timeout=300 update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
            install --no-install-recommends "$@" >/dev/null
    elif command -v dnf >/dev/null; then
        as_root dnf -q -y install "$@"
    else
        say "neither apt-get nor dnf here; install by hand: $*"
        return 1
    fi
}

# The rust-version of Cargo.toml, and whether a version reaches it.
wanted_rust() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }
reaches() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# The version of Rust that the distribution offers, if any.
offered_rust() {
    if command -v apt-cache >/dev/null; then
        apt-cache policy rustc 2>/dev/null | awk '$1 == "Candidate:" { print $2 }'
    elif command -v dnf >/dev/null; then
        dnf -q info rust 2>/dev/null | awk '$1 == "Version" { print $3; exit }'
    fi
}

# What librdkafka is built with and linked to.
need_libraries() {
    local missing=()
    if command -v apt-get >/dev/null; then
        command -v c++ >/dev/null || missing+=(g++)
        command -v make >/dev/null || missing+=(make)
        command -v pkg-config >/dev/null || missing+=(pkg-config)
        [ -e /usr/include/openssl/ssl.h ] || missing+=(libssl-dev)
        [ -e /usr/include/sasl/sasl.h ] || missing+=(libsasl2-dev)
    else
        command -v c++ >/dev/null || missing+=(gcc-c++)
        command -v make >/dev/null || missing+=(make)
        command -v pkg-config >/dev/null || missing+=(pkgconf-pkg-config)
        [ -e /usr/include/openssl/ssl.h ] || missing+=(openssl-devel)
        [ -e /usr/include/sasl/sasl.h ] || missing+=(cyrus-sasl-devel)
    fi
    [ ${#missing[@]} -eq 0 ] || add_packages "${missing[@]}"
}

# A compiler new enough, a linker, and the libraries that are linked to.
need_rust() {
    local wanted offered found
    need_libraries
    wanted=$(wanted_rust)
    [ -d "$HOME/.cargo/bin" ] && PATH=$PATH:$HOME/.cargo/bin
    command -v cc >/dev/null || add_packages gcc "$(command -v apt-get >/dev/null && echo libc6-dev || echo glibc-devel)"
    found=$(rustc --version 2>/dev/null | awk '{ print $2 }' || true)
    if [ -n "$found" ] && command -v cargo >/dev/null && reaches "$found" "$wanted"; then
        return
    fi
    offered=$(offered_rust)
    if [ -n "$offered" ] && reaches "$offered" "$wanted"; then
        add_packages cargo "$(command -v apt-get >/dev/null && echo rustc || echo rust)"
        return
    fi
    say "needs Rust $wanted or newer; here: ${found:-none}, the distribution offers: ${offered:-none}"
    say "get it by: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
    exit 1
}
