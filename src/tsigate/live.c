#include "tsigate/live.h"
int live_lookup(struct tool *tool, struct lookup *lookups, size_t count)
{
    (void)tool;
    (void)lookups;
    (void)count;
    return tool_fail(TOOL_USAGE, "--live is not built yet");
}
