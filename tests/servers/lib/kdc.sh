# A Kerberos realm of our own, TEST.LOCAL, for servers on this machine.
# shellcheck shell=bash
#
# Sourced, with `lib/processes.sh`; needs the KDC and the administration of MIT Kerberos. In its directory: `krb5.conf`
# for clients (KRB5_CONFIG), `test.keytab` with the keys of all principals.

PATH=$PATH:/usr/sbin:/sbin

has_kdc() { command -v krb5kdc > /dev/null && command -v kadmin.local > /dev/null && command -v kinit > /dev/null; }

# make_realm DIR PORT PRINCIPAL…: once per directory
make_realm() (
	[ ! -e "$1/complete" ] || return 0
	mkdir -p "$1"
	realm_files "$1" "$2"
	export KRB5_CONFIG=$1/krb5.conf KRB5_KDC_PROFILE=$1/kdc.conf
	kdb5_util create -s -r TEST.LOCAL -P master || return
	for principal in "${@:3}"; do
		echo "addprinc -randkey $principal"
		echo "ktadd -k $1/test.keytab $principal"
	done | kadmin.local -r TEST.LOCAL || return
	: > "$1/complete"
)

# A realm on one line is not read.
realm_files() {
	cat > "$1/krb5.conf" <<-CONF
		[libdefaults]
		  default_realm = TEST.LOCAL
		  dns_lookup_kdc = false
		  dns_lookup_realm = false
		  dns_canonicalize_hostname = false
		  rdns = false
		  udp_preference_limit = 1
		  default_ccache_name = FILE:$1/tickets
		[realms]
		  TEST.LOCAL = {
		    kdc = 127.0.0.1:$2
		  }
		[domain_realm]
		  localhost = TEST.LOCAL
	CONF
	cat > "$1/kdc.conf" <<-CONF
		[kdcdefaults]
		  kdc_listen = 127.0.0.1:$2
		  kdc_tcp_listen = 127.0.0.1:$2
		[realms]
		  TEST.LOCAL = {
		    database_name = $1/principal
		    key_stash_file = $1/stash
		    acl_file = $1/kadm5.acl
		    supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
		  }
		[logging]
		  kdc = FILE:$1/kdc.log
	CONF
}

# start_kdc DIR PORT: in `started`
start_kdc() {
	child "$1/kdc.out" env KRB5_CONFIG="$1/krb5.conf" KRB5_KDC_PROFILE="$1/kdc.conf" krb5kdc -n -r TEST.LOCAL
	# shellcheck disable=SC2154 # of `child`
	waits_for 20 accepts_or_ended "$2" "$started" && runs "$started"
}
