#include "conf/keyfile.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "conf/token.h"

struct keyfile {
    struct token_reader reader;
    bool weak_algorithms;
    struct arena *arena;
    struct diags *diags;
    struct token token; /* the one in hand */
};

/* ---- tokens ---- */

static void next_token(struct keyfile *file)
{
    token_next(&file->reader, &file->token);
    if (file->token.kind == TOKEN_BAD)
        diags_error(file->diags, file->token.place, "key-syntax", "%s",
                    file->token.wrong);
}

static bool token_is(const struct token *token, const char *text)
{
    return token->kind == TOKEN_WORD && token->len == strlen(text) &&
           memcmp(token->chars, text, token->len) == 0;
}

/* What should stand here; never what does, which may be part of a secret. */
static enum result expected(struct keyfile *file, const char *what)
{
    if (file->token.kind != TOKEN_BAD) {
        diags_error(file->diags, file->token.place, "key-syntax", "%s is expected here",
                    what);
    }
    return RES_EFORMAT;
}

static enum result take(struct keyfile *file, enum token_kind kind, const char *what)
{
    if (file->token.kind != kind)
        return expected(file, what);
    next_token(file);
    return RES_OK;
}

/* ---- a key ---- */

struct draft {
    struct keyfile_key *key;
    struct name_buf name;
    char name_text[NAME_TEXT_OCTETS]; /* for messages */
    struct place secret_place;
    bool has_algorithm;
    bool has_secret;
    bool is_broken; /* told */
};

static enum result algorithm_error(struct keyfile *file, const struct draft *draft,
                                   const char *text)
{
    if (strncasecmp(text, "hmac-md5", 8) == 0) {
        diags_error(file->diags, file->token.place, "key-algorithm",
                    "`%s`: hmac-md5 is not offered, it is broken: make a new key with "
                    "tsig-keygen -a hmac-sha256 %s",
                    text, draft->name_text);
    } else if (strncasecmp(text, "hmac-sha", 8) == 0 && strchr(text + 5, '-') != NULL) {
        diags_error(file->diags, file->token.place, "key-algorithm",
                    "`%s`: truncated algorithms are not offered: make a new key with "
                    "tsig-keygen -a hmac-sha256 %s",
                    text, draft->name_text);
    } else {
        /* Another word is not shown: it may be the secret, in the wrong place. */
        bool is_named = strncasecmp(text, "hmac-", 5) == 0;
        diags_error(file->diags, file->token.place, "key-algorithm",
                    "key %s: %s is no algorithm of TSIG; there are hmac-sha256, "
                    "hmac-sha384 and hmac-sha512",
                    draft->name_text, is_named ? text : "this");
    }
    return RES_EFORMAT;
}

static enum result parse_algorithm(struct keyfile *file, struct draft *draft)
{
    char text[64] = "";
    size_t len = file->token.len;
    if (len > 1 && file->token.chars[len - 1] == '.')
        len--;
    memcpy(text, file->token.chars, len < sizeof(text) ? len : sizeof(text) - 1);
    enum hmac_algorithm algorithm = HMAC_SHA256;
    if (hmac_algorithm_from_text(text, &algorithm) != RES_OK || len >= sizeof(text))
        return algorithm_error(file, draft, text);
    draft->key->algorithm = algorithm;
    if (hmac_algorithm_is_weak(algorithm) && !file->weak_algorithms) {
        diags_error(file->diags, file->token.place, "key-weak-algorithm",
                    "`%s` is taken only with weak_algorithms = true; better make a new "
                    "key with tsig-keygen -a hmac-sha256 %s",
                    text, draft->name_text);
        return RES_EFORMAT;
    }
    return RES_OK;
}

static enum result parse_secret(struct keyfile *file, struct draft *draft)
{
    struct place place = file->token.place;
    struct secret *secret = &draft->key->secret;
    draft->secret_place = place;
    enum result result = secret_from_base64(file->token.chars, file->token.len, secret);
    if (result == RES_EMEM)
        return result;
    if (result == RES_ERANGE) {
        diags_error(file->diags, place, "key-secret",
                    "the secret of key %s has more than %d octets", draft->name_text,
                    LIMIT_SECRET_OCTETS);
        return RES_EFORMAT;
    }
    if (result != RES_OK) {
        diags_error(file->diags, place, "key-secret",
                    "the secret of key %s is not base64", draft->name_text);
        return RES_EFORMAT;
    }
    if (secret->len < LIMIT_SECRET_MIN_OCTETS) {
        diags_error(
            file->diags, place, "key-short-secret",
            "the secret of key %s has %zu octets, fewer than %d: make a new key "
            "with tsig-keygen -a hmac-sha256 %s",
            draft->name_text, secret->len, LIMIT_SECRET_MIN_OCTETS, draft->name_text);
        return RES_EFORMAT;
    }
    return RES_OK;
}

/* `algorithm WORD;` or `secret WORD;`. RES_EFORMAT: the file is not to be read on from
 * here; what is wrong with the values alone only breaks the key. */
static enum result parse_field(struct keyfile *file, struct draft *draft)
{
    bool is_algorithm = token_is(&file->token, "algorithm");
    if (!is_algorithm && !token_is(&file->token, "secret"))
        return expected(file, "algorithm, secret or }");
    bool *has = is_algorithm ? &draft->has_algorithm : &draft->has_secret;
    if (*has) {
        diags_error(file->diags, file->token.place, "key-syntax", "%s a second time",
                    is_algorithm ? "algorithm" : "secret");
        return RES_EFORMAT;
    }
    *has = true;
    next_token(file);
    if (file->token.kind != TOKEN_WORD)
        return expected(file, is_algorithm ? "an algorithm" : "a secret in base64");
    enum result result =
        is_algorithm ? parse_algorithm(file, draft) : parse_secret(file, draft);
    if (result == RES_EMEM)
        return result;
    draft->is_broken = draft->is_broken || result != RES_OK;
    next_token(file);
    return take(file, TOKEN_SEMICOLON, "a semicolon");
}

static enum result parse_name(struct keyfile *file, struct draft *draft)
{
    if (file->token.kind != TOKEN_WORD)
        return expected(file, "the key's name");
    draft->key->place = file->token.place;
    if (name_from_text(file->token.chars, file->token.len, &draft->name) != RES_OK ||
        name_is_root(name_of(&draft->name))) {
        diags_error(file->diags, file->token.place, "key-syntax",
                    "the key's name is no domain name");
        draft->is_broken = true;
        memcpy(draft->name_text, "NAME", sizeof("NAME"));
    } else {
        name_to_text(name_of(&draft->name), draft->name_text);
        draft->key->name = name_copy(file->arena, name_of(&draft->name));
        if (draft->key->name.octets == NULL)
            return RES_EMEM;
    }
    next_token(file);
    return take(file, TOKEN_OPEN, "{");
}

/* What only the whole key tells. */
static void check_key(struct keyfile *file, struct draft *draft)
{
    const struct keyfile_key *key = draft->key;
    if (!draft->has_algorithm || !draft->has_secret) {
        diags_error(file->diags, key->place, "key-syntax", "key %s has no %s",
                    draft->name_text, draft->has_algorithm ? "secret" : "algorithm");
        draft->is_broken = true;
    }
    if (!draft->is_broken && key->secret.len < hmac_algorithm_len(key->algorithm)) {
        diags_warn(file->diags, draft->secret_place, "short-secret",
                   "the secret of key %s has %zu octets, the digest of %s %zu",
                   draft->name_text, key->secret.len,
                   hmac_algorithm_text(key->algorithm),
                   hmac_algorithm_len(key->algorithm));
    }
}

/* `key NAME { ... };`; RES_EFORMAT: the file is not to be read on from here. */
static enum result parse_key(struct keyfile *file, struct draft *draft)
{
    if (!token_is(&file->token, "key"))
        return expected(file, "key");
    next_token(file);
    enum result result = parse_name(file, draft);
    while (result == RES_OK && file->token.kind != TOKEN_CLOSE)
        result = parse_field(file, draft);
    if (result != RES_OK)
        return result;
    next_token(file);
    check_key(file, draft);
    return take(file, TOKEN_SEMICOLON, "a semicolon");
}

/* Behind an error: on to the next `key NAME {`, so that its errors are told as well. */
static void resume(struct keyfile *file)
{
    bool was_end = false;
    while (file->token.kind != TOKEN_END) {
        if (was_end && token_is(&file->token, "key"))
            return;
        was_end =
            file->token.kind == TOKEN_CLOSE || file->token.kind == TOKEN_SEMICOLON;
        next_token(file);
    }
}

/* Appends the key to the list at end, or gives its secret back. */
static enum result parse_one(struct keyfile *file, struct keyfile_key ***end)
{
    struct draft draft = {.key = arena_alloc(file->arena, sizeof(*draft.key))};
    if (draft.key == NULL)
        return RES_EMEM;
    enum result result = parse_key(file, &draft);
    if (result == RES_EFORMAT)
        resume(file);
    if (result == RES_OK && draft.is_broken)
        result = RES_EFORMAT;
    if (result != RES_OK) {
        secret_free(&draft.key->secret);
        return result;
    }
    **end = draft.key;
    *end = &draft.key->next;
    return RES_OK;
}

enum result keyfile_parse(const char *file, const char *text, size_t len,
                          bool weak_algorithms, struct arena *arena,
                          struct diags *diags, struct keyfile_key **keys)
{
    struct keyfile keyfile = {
        .reader = token_reader_of(file, text, len, true),
        .weak_algorithms = weak_algorithms,
        .arena = arena,
        .diags = diags,
    };
    struct keyfile_key **end = keys;
    while (*end != NULL)
        end = &(*end)->next;
    enum result all = RES_OK;
    next_token(&keyfile);
    while (keyfile.token.kind != TOKEN_END) {
        enum result result = parse_one(&keyfile, &end);
        if (result == RES_EMEM)
            return result;
        all = result != RES_OK ? result : all;
    }
    return all;
}

void keyfile_keys_free(struct keyfile_key **keys)
{
    for (struct keyfile_key *key = *keys; key != NULL; key = key->next)
        secret_free(&key->secret);
    *keys = NULL;
}
