# An authority of our own, the certificate of a server on this machine, and one of a client.
# shellcheck shell=bash
#
# Sourced. For OpenSSL as PEM: ca.pem; server.pem with its key; client.pem and client.key. For Java under the password
# `changeit`, as PKCS#12 and as JKS: truststore.p12, truststore.jks, client.p12, client.jks. The client's name is
# CN=client. `stranger.pem` and its key were signed by nobody.

# make_certificates DIR
make_certificates() (
	[ ! -e "$1/complete" ] || return 0
	mkdir -p "$1"
	cd "$1" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=authority -keyout ca.key -out ca.pem
	sign localhost server 'subjectAltName=DNS:localhost,IP:127.0.0.1'
	cat server.crt >> server.key
	mv server.key server.pem
	sign client client 'extendedKeyUsage=clientAuth'
	mv client.crt client.pem
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=client -keyout stranger.key -out stranger.pem
	openssl pkcs12 -export -in client.pem -inkey client.key -name client -passout pass:changeit -out client.p12
	keytool -importcert -noprompt -alias ca -file ca.pem -storetype PKCS12 -keystore truststore.p12 -storepass changeit
	keytool -importcert -noprompt -alias ca -file ca.pem -storetype JKS -keystore truststore.jks -storepass changeit
	keytool -importkeystore -noprompt -srckeystore client.p12 -srcstoretype PKCS12 -srcstorepass changeit \
		-destkeystore client.jks -deststoretype JKS -deststorepass changeit
	: > complete
)

# sign NAME FILE EXTENSION: FILE.key and FILE.crt
sign() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$2.key" -out "$2.csr"
	printf '%s\n' "$3" > "$2.extensions"
	openssl x509 -req -in "$2.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile "$2.extensions" -out "$2.crt"
	rm "$2.csr" "$2.extensions"
}
