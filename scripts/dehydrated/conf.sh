# Read by dehydrated after its config, from CONFIG_D: our hook in front of the site's.
# shellcheck shell=bash disable=SC2034
export SITE_HOOK=${HOOK-}
HOOK=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/dehydrated-hook
