/* tsigate export knot: an ACL for each zone. Every record of a message has to fit one
 * rule of Knot's, so the gateway, which merges messages, has one for each zone. */
#include <stdio.h>

#include "tsigate/export.h"

/* In double quotes, absolute. */
static void print_name(const struct export *export, struct name name)
{
    putchar('"');
    for (const char *c = tool_name_text(export->tool, name); *c != '\0'; c++) {
        if (*c == '\\')
            putchar('\\');
        putchar(*c);
    }
    fputs(".\"", stdout);
}

/* Those of one key and zone that one rule of Knot's can say. */
static bool is_same_group(const struct export *export, const struct export_rule *a,
                          const struct export_rule *b)
{
    if (a->zone != b->zone)
        return false;
    return !export->is_per_right ||
           (name_equal(a->key, b->key) && a->reach == b->reach &&
            a->right->host == b->right->host &&
            type_set_compare(&a->types, &b->types) == 0);
}

static size_t group_len(const struct export *export, size_t first)
{
    size_t len = 1;
    while (first + len < export->count &&
           is_same_group(export, &export->rules[first], &export->rules[first + len]))
        len++;
    return len;
}

static void print_owners(const struct export *export, const struct export_rule *rules,
                         size_t len)
{
    bool is_zone = false;
    for (size_t i = 0; i < len; i++)
        is_zone = is_zone || rules[i].reach == EXPORT_ZONE;
    if (is_zone) {
        puts("    update-owner: zone\n    update-owner-match: sub-or-equal");
        return;
    }
    printf(
        "    update-owner: name\n    update-owner-match: %s\n    update-owner-name: [",
        rules[0].reach == EXPORT_NAME ? "equal" : "sub");
    for (size_t i = 0; i < len; i++) {
        fputs(i > 0 ? ", " : " ", stdout);
        print_name(export, rules[i].name);
    }
    puts(" ]");
}

static void print_addresses(const struct acl_host *host)
{
    if (acl_host_from(host) == NULL)
        return;
    fputs("    address: [", stdout);
    for (const struct acl_from_line *from = acl_host_from(host); from != NULL;
         from = from->next) {
        char text[ADDR_TEXT_OCTETS];
        printf("%s%s", from == acl_host_from(host) ? " " : ", ",
               prefix_format(&from->prefix, text));
    }
    puts(" ]");
}

static void print_group(const struct export *export, size_t first, size_t len,
                        size_t number)
{
    const struct export_rule *rules = &export->rules[first];
    struct type_set types = {.count = 0};
    for (size_t i = 0; i < len; i++) {
        type_set_add_all(&types, rules[i].types.all, rules[i].types.count);
        if (rules[i].right != NULL)
            printf("  # %s:%u%s%s\n", rules[i].place.file, rules[i].place.line,
                   rules[i].without != NULL ? ", but for: " : "",
                   rules[i].without != NULL ? rules[i].without : "");
    }
    printf("  - id: tsigate-%zu\n    key: ", number);
    print_name(export, rules[0].key);
    puts("\n    action: update");
    if (rules[0].right != NULL)
        print_addresses(rules[0].right->host);
    fputs("    update-type: [", stdout);
    for (size_t i = 0; i < types.count; i++)
        printf("%s%s", i > 0 ? ", " : " ", tool_type_text(export->tool, types.all[i]));
    puts(" ]");
    print_owners(export, rules, len);
}

static void print_acl(const struct export *export)
{
    size_t number = 1;
    puts("\nacl:");
    for (size_t i = 0; i < export->count;) {
        size_t len = group_len(export, i);
        print_group(export, i, len, number++);
        i += len;
    }
}

static void print_zones(const struct export *export)
{
    size_t number = 1;
    puts("\nzone:");
    for (size_t i = 0; i < export->count;) {
        bool is_first = i == 0 || export->rules[i - 1].zone != export->rules[i].zone;
        if (is_first) {
            fputs("  - domain: ", stdout);
            print_name(export, export->rules[i].zone->name);
            fputs("\n    acl: [", stdout);
        }
        printf("%s tsigate-%zu", is_first ? "" : ",", number++);
        i += group_len(export, i);
        if (i == export->count || export->rules[i - 1].zone != export->rules[i].zone)
            puts(" ]");
    }
}

void export_print_knot(const struct export *export)
{
    puts(
        export->is_per_right
            ? "# Each right as a rule, by tsigate export. All that one message changes "
              "has to fit one\n# rule here. What stands behind `but for` holds in the "
              "gateway alone, but for `from`,\n# which is `address` here."
            : "# For the gateway's own key, by tsigate export: who may change what is "
              "asked there.");
    puts("# The keys are not here: each has to stand under `key:` with its secret.");
    for (size_t i = 0; i < export->remark_count; i++)
        printf("# left out: %s\n", export->remarks[i]);
    if (export->count == 0)
        return;
    print_acl(export);
    print_zones(export);
}
