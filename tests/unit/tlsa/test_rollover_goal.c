/* The names that a roll-over is about, whatever their order, case and number. */
#include "tlsa/rollover_goal.h"

#include "unit.h"

struct names_case {
    const char *name;
    const char *hosts[3];
    const char *goal; /* blanks between them; NULL: refused */
};

static const struct names_case cases[] = {
    {"none", {NULL}, ""},
    {"one",
     {"mx1.example.org"},
     "_25._tcp.mx1.example.org. _465._tcp.mx1.example.org."},
    {"sorted",
     {"b.example", "a.example"},
     "_25._tcp.a.example. _25._tcp.b.example. _465._tcp.a.example. "
     "_465._tcp.b.example."},
    {"case does not matter",
     {"MX1.Example"},
     "_25._tcp.mx1.example. _465._tcp.mx1.example."},
    {"one twice",
     {"A.example", "a.example"},
     "_25._tcp.a.example. _465._tcp.a.example."},
    {"a quote", {"a\\034b.example"}, NULL},
    {"too long",
     {"a23456789012345678901234567890123456789012345678901234567890."
      "a23456789012345678901234567890123456789012345678901234567890."
      "a23456789012345678901234567890123456789012345678901234567890."
      "a23456789012345678901234567890123456789012345678901234567890.a234567"},
     NULL},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        static struct service services[] = {{25, "tcp"}, {465, "tcp"}};
        struct tool tool = {.usage = ""};
        struct deployment_tlsa tlsa[3] = {{.service_count = 0}};
        struct deployment_certificate certificate = {.name = "c", .tlsa = tlsa};
        struct rollover_goal goal;
        char all[512] = "";
        arena_init(&tool.arena, 4096, 0);
        for (; certificate.tlsa_count < 3 &&
               cases[i].hosts[certificate.tlsa_count] != NULL;
             certificate.tlsa_count++) {
            struct deployment_tlsa *one = &tlsa[certificate.tlsa_count];
            one->name = tool_name(&tool, cases[i].hosts[certificate.tlsa_count]);
            assert_case(cases[i].name, one->name.octets != NULL);
            one->services = services;
            one->service_count = 2;
        }
        int code = rollover_goal_find(&tool, &certificate, &goal);
        assert_case(cases[i].name,
                    code == (cases[i].goal != NULL ? TOOL_DONE : TOOL_CONFIG));
        for (size_t k = 0; code == TOOL_DONE && k < goal.name_count; k++) {
            size_t len = strlen(all);
            (void)snprintf(all + len, sizeof all - len, "%s%s", k > 0 ? " " : "",
                           goal.names[k]);
        }
        if (code == TOOL_DONE && strcmp(all, cases[i].goal) != 0)
            fail_msg("%s: %s", cases[i].name, all);
        arena_fini(&tool.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
