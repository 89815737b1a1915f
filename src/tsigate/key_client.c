#include "tsigate/key_client.h"

#include <string.h>

const char key_file_template[] = "key \"@key@\" {\n"
                                 "\talgorithm @algorithm@;\n"
                                 "\tsecret \"@secret@\";\n"
                                 "};\n";

/*
 * Words of the templates: @host@ @key@ @zone@ @challenge@ (_acme-challenge.HOST),
 * @algorithm@ as the client spells it, @address@ @port@ @endpoint@ of the gateway,
 * @place@ (the file on the host), @token@ (a value like that of a challenge). In the
 * file, and there alone, @secret@.
 */
static const struct key_client clients[] = {
    {
        .name = "nsupdate",
        .place = "/etc/tsigate/@key@.key",
        .script = "# Sets a record and takes it away again.\n"
                  "nsupdate -k @place@ <<'END'\n"
                  "server @address@ @port@\n"
                  "update add @challenge@. 60 TXT \"@token@\"\n"
                  "send\n"
                  "update delete @challenge@. TXT \"@token@\"\n"
                  "send\n"
                  "END\n",
    },
    {
        .name = "certbot",
        .file =
            "# For certbot's plugin dns-rfc2136. The algorithm stays in upper case:\n"
            "# before 3.3.0 certbot takes another spelling and signs with HMAC-MD5.\n"
            "dns_rfc2136_server = @address@\n"
            "dns_rfc2136_port = @port@\n"
            "dns_rfc2136_name = @key@.\n"
            "dns_rfc2136_secret = @secret@\n"
            "dns_rfc2136_algorithm = @algorithm@\n",
        .place = "/etc/letsencrypt/tsigate.ini",
        .script = "# Needs the package python3-certbot-dns-rfc2136.\n"
                  "certbot certonly --dns-rfc2136 --dns-rfc2136-credentials @place@ "
                  "-d @host@\n",
        .spelling = KEY_SPELLING_UPPER,
    },
    {
        .name = "lego",
        .file = "# For lego's provider rfc2136. From lego 5 on it is named dnsupdate,\n"
                "# and these names begin with DNSUPDATE_.\n"
                "RFC2136_NAMESERVER=@endpoint@\n"
                "RFC2136_TSIG_KEY=@key@\n"
                "RFC2136_TSIG_ALGORITHM=@algorithm@.\n"
                "RFC2136_TSIG_SECRET=@secret@\n",
        .place = "/etc/tsigate/lego.env",
        .script = "set -a\n"
                  ". @place@\n"
                  "set +a\n"
                  "lego --accept-tos --email \"${EMAIL:?is to be your address}\" "
                  "--dns rfc2136 -d @host@ run\n",
    },
    {
        .name = "dehydrated",
        .place = "/etc/dehydrated/tsigate.key",
        .script = "cat >/etc/dehydrated/tsigate-hook.sh <<'END'\n"
                  "#!/bin/sh\n"
                  "# Called with what to do, the name, the token's file, the value.\n"
                  "case $1 in\n"
                  "deploy_challenge) change=\"add _acme-challenge.$2. 60\" ;;\n"
                  "clean_challenge) change=\"delete _acme-challenge.$2.\" ;;\n"
                  "*) exit 0 ;;\n"
                  "esac\n"
                  "printf 'server @address@ @port@\\nupdate %s TXT \"%s\"\\nsend\\n' "
                  "\"$change\" \"$4\" |\n"
                  "    nsupdate -k @place@\n"
                  "END\n"
                  "chmod 0755 /etc/dehydrated/tsigate-hook.sh\n"
                  "cat >>/etc/dehydrated/config <<'END'\n"
                  "CHALLENGETYPE=dns-01\n"
                  "HOOK=/etc/dehydrated/tsigate-hook.sh\n"
                  "END\n"
                  "dehydrated --register --accept-terms\n"
                  "dehydrated --cron --domain @host@\n",
    },
    {
        .name = "acme.sh",
        .place = "/etc/tsigate/@key@.key",
        .script = "# acme.sh remembers these.\n"
                  "export NSUPDATE_SERVER=@address@ NSUPDATE_SERVER_PORT=@port@\n"
                  "export NSUPDATE_KEY=@place@\n"
                  "acme.sh --issue --dns dns_nsupdate -d @host@\n",
    },
    {
        .name = "knsupdate",
        .file = "@algorithm@:@key@:@secret@\n",
        .place = "/etc/tsigate/@key@.knsupdate",
        .script = "# Sets a record and takes it away again.\n"
                  "knsupdate -k @place@ <<'END'\n"
                  "server @address@ @port@\n"
                  "zone @zone@.\n"
                  "update add @challenge@. 60 TXT \"@token@\"\n"
                  "send\n"
                  "update delete @challenge@. TXT \"@token@\"\n"
                  "send\n"
                  "quit\n"
                  "END\n",
    },
    {
        .name = "cert-manager",
        .file = "# A namespaced Issuer has its Secret in its own namespace; a\n"
                "# ClusterIssuer in cert-manager's.\n"
                "apiVersion: v1\n"
                "kind: Secret\n"
                "metadata:\n"
                "  name: tsigate\n"
                "type: Opaque\n"
                "stringData:\n"
                "  tsig-secret: \"@secret@\"\n",
        .place = "tsigate-secret.yaml",
        .is_local = true,
        .script = "kubectl apply -f @place@\n"
                  "# cnameStrategy: cert-manager then asks for the shadow's own name.\n"
                  "kubectl apply -f - <<'END'\n"
                  "apiVersion: cert-manager.io/v1\n"
                  "kind: Issuer\n"
                  "metadata:\n"
                  "  name: tsigate\n"
                  "spec:\n"
                  "  acme:\n"
                  "    server: https://acme-v02.api.letsencrypt.org/directory\n"
                  "    privateKeySecretRef:\n"
                  "      name: tsigate-acme-account\n"
                  "    solvers:\n"
                  "    - dns01:\n"
                  "        cnameStrategy: Follow\n"
                  "        rfc2136:\n"
                  "          nameserver: \"@endpoint@\"\n"
                  "          tsigKeyName: \"@key@\"\n"
                  "          tsigAlgorithm: @algorithm@\n"
                  "          tsigSecretSecretRef:\n"
                  "            name: tsigate\n"
                  "            key: tsig-secret\n"
                  "END\n",
        .spelling = KEY_SPELLING_COMPACT,
        .algorithms = 1U << HMAC_SHA256 | 1U << HMAC_SHA512 | 1U << HMAC_SHA1,
    },
    {
        .name = "tsigate-tlsa",
        .place = "/etc/tsigate/host.key",
        .script = "cat >/etc/tsigate/host.conf <<'END'\n"
                  "server = \"@endpoint@\";\n"
                  "key = \"@place@\";\n"
                  "END\n",
    },
};

#define CLIENTS (sizeof clients / sizeof clients[0])

const struct key_client *key_client_find(const char *name)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        if (strcmp(clients[i].name, name) == 0)
            return &clients[i];
    }
    return NULL;
}

const char *key_client_names(void)
{
    return "nsupdate, certbot, lego, dehydrated, acme.sh, knsupdate, cert-manager, "
           "tsigate-tlsa";
}

bool key_client_takes(const struct key_client *client, enum hmac_algorithm algorithm)
{
    return client->algorithms == 0 || (client->algorithms >> algorithm & 1) != 0;
}
