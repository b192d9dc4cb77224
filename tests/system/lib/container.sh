# A Debian machine that boots systemd, in a container: made once, copied per run, entered by its namespaces.
# shellcheck shell=bash

leader=   # the container's systemd, as a process of this host
nspawn=   # the systemd-nspawn around it
machine=  # its directory
slow=     # where a file system is mounted in it

# Makes the root that every run copies, from the mirror and the release of this host.
container_root() {
    local cache=$1 suite=$2 mirror
    [ -d "$cache/root-$suite" ] && return
    mirror=$(apt-get indextargets --format "\$(REPO_URI) \$(CODENAME)" 'Created-By: Packages' |
        awk -v suite="$suite" '$2 == suite { print $1; exit }')
    [ -n "$mirror" ] || { echo "no apt source of $suite on this host" >&2; return 1; }
    echo "making a $suite machine from the apt mirror of this host" >&2
    rm -rf "$cache/making"
    mkdir -p "$cache"
    mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,procps,util-linux,openssl,libsasl2-2 \
        "$suite" "$cache/making" "$mirror"
    mv "$cache/making" "$cache/root-$suite"
}

# Boots a copy of the root: container_boot FROM DIRECTORY
container_boot() {
    machine=$2
    mkdir -p "$machine"
    cp -a --reflink=auto "$1/." "$machine/"
    rm -f "$machine/etc/machine-id"
    systemd-machine-id-setup --root="$machine" >/dev/null 2>&1
    container_slow /srv/frozen/out
    container_on
}

container_on() {
    # A name of an earlier boot keeps systemd-nspawn from starting.
    rm -rf "/run/systemd/nspawn/propagate/$(container_name)"
    systemd-nspawn --quiet --directory="$machine" --machine="$(container_name)" --register=no --keep-unit \
        --private-network --boot </dev/null >>"$machine.console" 2>&1 &
    nspawn=$!
    until_true 30 container_leader || { echo "the container has no first process" >&2; return 1; }
    until_true 60 container_up || { inside systemctl --failed --no-pager >&2; return 1; }
}

# A file system of its own at a directory of the container, which `fsfreeze` can hang; none where there are no loop
# devices.
container_slow() {
    slow=$machine$1
    mkdir -p "$slow"
    truncate -s 64M "$machine.image"
    mkfs.ext4 -q "$machine.image" && mount -o loop "$machine.image" "$slow" 2>/dev/null || slow=
}

container_unslow() {
    [ -z "$slow" ] || umount "$slow" || true
    slow=
}

container_name() { basename "$machine" | tr -c 'a-z0-9\n' -; }
container_leader() { leader=$(pgrep -P "$nspawn" | head -n 1) && [ -n "$leader" ]; }
container_up() { inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; }

# Runs a command in the container, as root.
inside() {
    nsenter -t "$leader" -m -u -i -n -p -C -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TERM=dumb "$@"
}

# Writes standard input to a file of the container.
put() { inside sh -c "mkdir -p \"\$(dirname '$1')\" && cat >'$1'"; }

container_off() {
    [ -n "$nspawn" ] || return 0
    kill -s SIGRTMIN+4 "$leader" 2>/dev/null || true
    until_true 30 container_gone || kill -KILL "$leader" "$nspawn" 2>/dev/null || true
    wait "$nspawn" 2>/dev/null || true
    rm -rf "/run/systemd/nspawn/propagate/$(container_name)"
    nspawn=
}

container_gone() { ! kill -0 "$nspawn" 2>/dev/null; }
