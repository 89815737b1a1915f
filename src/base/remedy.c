#include "base/remedy.h"

#include <stdlib.h>
#include <string.h>

struct row {
    const char *id;
    const char *remedy;
};

/* Sorted by identifier. What a decision table has wrong says so itself (eval-...). */
static const struct row rows[] = {
    {"acl-a-label", "write each label that has other letters as an A-label (xn--...)"},
    {"acl-alias", "an alias leads from a static name to another, dynamic one"},
    {"acl-block", "put the line under `host NAME`, `every-host` or `profile NAME`"},
    {"acl-broad", "say `broad` if every name of that form is meant; a wildcard "
                  "certificate needs no pattern"},
    {"acl-check", "give the check as tsigate-acl(5) has it under CHECKS"},
    {"acl-from", "write addresses, or prefixes without host bits"},
    {"acl-grant", "give the grant the words that its profile takes"},
    {"acl-key", "write key NAME [not-before TIME] [not-after TIME]"},
    {"acl-max-records", "write a number from 1 to 100"},
    {"acl-may",
     "name operations: add delete delete-rrset delete-name prereq prereq-any"},
    {"acl-name", "write the name with its labels' octets as they are, or as \\DDD"},
    {"acl-option", "take the options of a grant, each once, behind its names"},
    {"acl-port", "write PORT/PROTO: 0 to 65535, then tcp, udp or sctp"},
    {"acl-profile",
     "define the profile before it is used, once, under a name that is no keyword"},
    {"acl-stock", "put hosts, grants and aliases into a file of their own"},
    {"acl-syntax", "correct the line as the message says"},
    {"acl-ttl", "write MIN..MAX in seconds"},
    {"acl-type",
     "name types that may be granted; some want `dangerous` in the profile"},
    {"acl-unknown-statement", "correct the word, or define the profile above"},
    {"alias-needless", "remove the line"},
    {"alias-original-not-static",
     "alias a name of a static zone, or add its zone to tsigate.conf"},
    {"alias-takes-target",
     "choose another target, or leave the name out of the pattern"},
    {"alias-target-not-dynamic", "choose a target in a zone with `dynamic = true`"},
    {"alias-target-twice", "give each alias a target of its own"},
    {"alias-twice", "keep one of the two aliases"},
    {"bad-address", "write an address as 192.0.2.53 or 2001:db8::53"},
    {"bad-name", "write a domain name"},
    {"broad-grant",
     "none if each name of that form is meant; else name them one by one"},
    {"caa-by-pattern", "grant CAA by name, one name after the other"},
    {"dead-grant", "correct the name, or add its zone to tsigate.conf"},
    {"empty-text", "give the setting a value, or leave it out"},
    {"file-missing", "correct the path, or make the file"},
    {"file-mode",
     "run the chmod of the message; if others could read it for long, make a new key"},
    {"file-not-regular", "name a file"},
    {"file-owner", "run the chown of the message"},
    {"file-too-large", "split the file"},
    {"file-unreadable", "let the user that the daemon runs as read it"},
    {"gateway-key-claimed", "give the host a key of its own"},
    {"gateway-key-missing",
     "put the key that upstream.key names into a file of `keys`"},
    {"grant-at-static-apex",
     "grant a profile whose owner is below the name, or make the zone dynamic"},
    {"grant-in-shadow", "write the original that the message names"},
    {"grant-shadowed",
     "remove the line, or put it before the one that the message names"},
    {"grant-twice", "remove one of the two"},
    {"host-without-grant", "grant it something, or remove it"},
    {"host-without-key", "give the host a key: tsig-keygen(8), a `key` line, a reload"},
    {"integer-overflow", "write a smaller number"},
    {"key-algorithm", "use hmac-sha256, hmac-sha384 or hmac-sha512"},
    {"key-expired", "remove the line, and the key's file"},
    {"key-expires-soon", "add the next key, and move the host to it before that time"},
    {"key-secret", "make a new key with tsig-keygen(8)"},
    {"key-short-secret", "make a new key with tsig-keygen(8)"},
    {"key-syntax", "write key files as tsig-keygen(8) does"},
    {"key-twice", "keep one of the two"},
    {"key-two-hosts", "give each host a key of its own"},
    {"key-weak-algorithm", "make a new key with hmac-sha256"},
    {"key-without-file", "put the key into a file of `keys`, or remove the line"},
    {"key-without-host",
     "list the key in its host's block, or remove it from its file"},
    {"listen-twice", "remove one of the two"},
    {"load-failed", "look into the daemon's log"},
    {"no-memory", "reload again when there is memory"},
    {"not-built", "take the setting out"},
    {"out-of-range", "choose a value within the range that the message has"},
    {"owner-too-long", "choose shorter names"},
    {"pattern-without-match", "correct the pattern, or make the files"},
    {"persist-by-pattern", "grant acme-persist by name, one name after the other"},
    {"restart-needed", "restart tsigated when it suits"},
    {"rights-too-many",
     "grant what belongs together in one line, with several types or values"},
    {"secret-twice", "make the second key anew with tsig-keygen(8)"},
    {"secret-two-hosts", "make a new key for one of the two with tsig-keygen(8)"},
    {"setting-missing", "add the setting"},
    {"shadow-at-nested", "give each shadow a label of its own in the dynamic zone"},
    {"shadow-at-not-dynamic", "lay `at` into a zone with `dynamic = true`"},
    {"shadow-of-not-static", "lay `of` into a zone without `dynamic`"},
    {"shadow-of-twice", "remove one of the two"},
    {"shared-delete", "give each host its own name, or grant may=add,delete,prereq"},
    {"short-secret", "make a longer secret with tsig-keygen(8) at the next change"},
    {"static-owner", "grant the profile in a dynamic zone, or make sure that the name "
                     "has no other data"},
    {"static-without-shadow", "add a shadow or an alias that says where it is written"},
    {"syntax", "look for a missing `;`, bracket or quote there and in the line before"},
    {"unknown-setting", "correct the setting's name"},
    {"upstream-is-listener",
     "give the primary and the gateway different addresses or ports"},
    {"wildcard-listen", "list the addresses one by one"},
    {"wrong-type", "write the value in the form that the message names"},
    {"zone-twice", "remove one of the two"},
};

static int compare(const void *id, const void *row)
{
    return strcmp(id, ((const struct row *)row)->id);
}

const char *remedy_of(const char *id)
{
    const struct row *row =
        bsearch(id, rows, sizeof(rows) / sizeof(rows[0]), sizeof(rows[0]), compare);

    return row != NULL ? row->remedy : NULL;
}
