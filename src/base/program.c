#include "base/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/guess.h"
#include "base/streams.h"
#include "config.h"

int tool_option_exit(int option)
{
    return option == TOOL_OPTION_HELP ? TOOL_DONE : TOOL_USAGE;
}

static const struct command *find_command(const struct program *program,
                                          const char *name)
{
    for (size_t i = 0; i < program->count; i++) {
        if (strcmp(program->commands[i].name, name) == 0)
            return &program->commands[i];
    }
    return NULL;
}

static int no_command(const struct program *program, const char *word)
{
    struct guess guess = guess_of(word);

    for (size_t i = 0; i < program->count; i++)
        guess_add(&guess, program->commands[i].name);
    return program->fail(TOOL_USAGE, "there is no command \"%s\"%s%s (see %s --help)",
                         word, guess_lead(&guess), guess_text(&guess), program->name);
}

static void print_help(const struct program *program, FILE *stream)
{
    int width = 0;

    for (size_t i = 0; i < program->count; i++) {
        int len = (int)strlen(program->commands[i].name);
        width = len > width ? len : width;
    }
    fprintf(stream, "usage: %s COMMAND [OPTION...]\n\n", program->name);
    for (size_t i = 0; i < program->count; i++)
        fprintf(stream, "  %-*s  %s\n", width, program->commands[i].name,
                program->commands[i].summary);
    fprintf(stream, "\n%s", program->foot);
}

static int help(const struct program *program, const char *word)
{
    const struct command *command = word != NULL ? find_command(program, word) : NULL;

    if (word != NULL && command == NULL)
        return no_command(program, word);
    if (command != NULL)
        program->help(command);
    else
        print_help(program, stdout);
    return TOOL_DONE;
}

static int dispatch(const struct program *program, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;

    if (word == NULL) {
        print_help(program, stderr);
        return TOOL_USAGE;
    }
    if (strcmp(word, "--version") == 0) {
        puts(PACKAGE_STRING);
        return TOOL_DONE;
    }
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0)
        return help(program, argc > 2 ? argv[2] : NULL);
    const struct command *command = find_command(program, word);
    return command != NULL ? program->run(command, argc - 1, argv + 1)
                           : no_command(program, word);
}

int program_main(const struct program *program, int argc, char **argv)
{
    streams_begin();
    int code = dispatch(program, argc, argv);
    if (streams_end())
        return code;
    (void)program->fail(TOOL_OUTSIDE, "standard output: %s", strerror(errno));
    return code == TOOL_DONE || code == TOOL_NO ? TOOL_OUTSIDE : code;
}
