/* tsigate export bind: an update-policy for each zone. */
#include <stdio.h>

#include "tsigate/export.h"

static void print_rule(const struct export *export, const struct export_rule *rule)
{
    struct tool *tool = export->tool;
    printf("    grant \"%s\" ", tool_name_text(tool, rule->key));
    switch (rule->reach) {
    case EXPORT_NAME:
        printf("name \"%s\"", tool_name_text(tool, rule->name));
        break;
    case EXPORT_BELOW:
        printf("wildcard \"*.%s\"", tool_name_text(tool, rule->name));
        break;
    case EXPORT_ZONE:
        fputs("zonesub", stdout);
        break;
    }
    for (size_t i = 0; i < rule->types.count; i++)
        printf(" %s", tool_type_text(tool, rule->types.all[i]));
    putchar(';');
    if (rule->right != NULL)
        printf(" // %s:%u", rule->place.file, rule->place.line);
    if (rule->without != NULL)
        printf(", but for: %s", rule->without);
    putchar('\n');
}

void export_print_bind(const struct export *export)
{
    puts(
        export->is_per_right
            ? "// One grant for each right, by tsigate export. What stands behind `but "
              "for` holds\n// in the gateway alone: named would not look at it."
            : "// For the gateway's own key, by tsigate export: who may change what is "
              "asked there.");
    for (size_t i = 0; i < export->remark_count; i++)
        printf("// left out: %s\n", export->remarks[i]);
    for (size_t i = 0; i < export->count; i++) {
        const struct export_rule *rule = &export->rules[i];
        bool is_first = i == 0 || rule[-1].zone != rule->zone;
        bool is_last = i + 1 == export->count || rule[1].zone != rule->zone;
        if (is_first)
            printf("\n// in zone \"%s\":\nupdate-policy {\n",
                   tool_name_text(export->tool, rule->zone->name));
        print_rule(export, rule);
        if (is_last)
            puts("};");
    }
}
