#!/bin/sh
# Makes the certificates of the TLS tests; run it again only to change them.
# They are valid for a century, expired.pem aside. Nobody trusts this CA.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
touch "$work/index"
echo 01 > "$work/serial"

# configure ALTERNATIVE-NAMES
configure() {
    cat > "$work/cnf" <<CONFIGURATION
[ca]
default_ca = test
[test]
database = $work/index
serial = $work/serial
new_certs_dir = $work
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $1
CONFIGURATION
}

# certify NAME EXTENSIONS END OPTIONS...: key and certificate in NAME.key and .crt
certify() {
    name=$1 extensions=$2 end=$3
    shift 3
    openssl ecparam -name prime256v1 -genkey -noout -out "$work/$name.key"
    openssl req -new -key "$work/$name.key" -subj "/CN=$name" -out "$work/$name.csr"
    openssl ca -batch -notext -config "$work/cnf" -extensions "$extensions" \
        -in "$work/$name.csr" -out "$work/$name.crt" \
        -startdate 20200101000000Z -enddate "$end" "$@"
}

# server NAME END: key and certificate, of the test's CA, in NAME.pem
server() {
    certify "$1" server "$2" -cert ca.pem -keyfile "$work/authority.key"
    cat "$work/$1.key" "$work/$1.crt" > "$1.pem"
}

configure DNS:none
certify authority authority 21200101000000Z -selfsign -keyfile "$work/authority.key"
cp "$work/authority.crt" ca.pem
configure DNS:localhost,IP:127.0.0.1,IP:::1
server localhost 21200101000000Z
server expired 20210101000000Z
certify self-signed server 21200101000000Z -selfsign -keyfile "$work/self-signed.key"
cat "$work/self-signed.key" "$work/self-signed.crt" > self-signed.pem
configure DNS:elsewhere.example
server elsewhere 21200101000000Z
