set -euo pipefail
umask 077
OWN=$(realpath own.pem) NODE=$(realpath node.pub.pem) FILE=$(realpath "$FILE")
mkdir "${FILE%.sm.tar}" && cd "${FILE%.sm.tar}"
trap 'rm -f session.key payload.sm4gcm' EXIT
tar --no-same-owner -xf "$FILE" manifest.json manifest.sig key.sm2 payload.sm4gcm

# 1. The signature. "Verified OK", or stop here.
openssl dgst -sm3 -verify "$NODE" -signature manifest.sig -sigopt distid:1234567812345678 manifest.json

# 2. What it binds. Each must be what you expect: for you, from the node, and the files as they were signed.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" manifest.json; }
sm3() { openssl dgst -sm3 -r "$1" | cut -d' ' -f1; }
fingerprint() { openssl pkey "$@" -pubout -outform DER | openssl dgst -sm3 -r | cut -d' ' -f1; }
test "$(field receiver_key)" = "$(fingerprint -in "$OWN")"
test "$(field sender_key)" = "$(fingerprint -pubin -in "$NODE")"
test "$(field payload_sm3)" = "$(sm3 payload.sm4gcm)"
test "$(field key_sm3)" = "$(sm3 key.sm2)"

# 3. The SM4 key.
openssl pkeyutl -decrypt -inkey "$OWN" -in key.sm2 -pkeyopt digest:sm3 -out session.key
KEY=$(od -An -v -tx1 session.key | tr -d ' \n')

# 4. The data. `openssl enc` has no GCM; its ciphertext is that of CTR from the counter IV || 00000002. The tag is not
#    checked this way: the signed SM3 of step 2 covers the same bytes.
head -c -16 payload.sm4gcm | openssl enc -d -sm4-ctr -K "$KEY" -iv "$(field iv)00000002" | zstd -dc | tar --no-same-owner -x
