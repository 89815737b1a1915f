/*
 * What the two links to the primary and their states are called.
 */
#include "txn/txn.h"

const char *txn_link_name(enum txn_link link)
{
    return link == LINK_UPDATE ? "update" : "query";
}

const char *txn_link_state_name(enum txn_link_state state)
{
    switch (state) {
    case LINK_DOWN:
        return "down";
    case LINK_CONNECTING:
        return "connecting";
    case LINK_UP:
        return "up";
    }
    return "?";
}
