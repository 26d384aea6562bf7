/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#ifdef HAVE_VHOST_CHAIN

#include "netdev-dpdk-chain-private.h"

#include <ctype.h>

#include "openvswitch/dynamic-string.h"

/* Parses a number of bytes with an optional K, M or G. */
static bool
parse_size(const char *s, uint64_t *size)
{
    unsigned long long int n;
    int shift = 0;
    char *tail;

    if (!isdigit((unsigned char) *s)) {
        return false;
    }
    errno = 0;
    n = strtoull(s, &tail, 10);
    switch (toupper((unsigned char) *tail)) {
    case 'K': shift = 10; tail++; break;
    case 'M': shift = 20; tail++; break;
    case 'G': shift = 30; tail++; break;
    }
    if (errno || *tail || n > UINT64_MAX >> shift) {
        return false;
    }
    *size = (uint64_t) n << shift;
    return true;
}

/* Parses 'key' and 'value', one of a pool's settings, into 'config', which
 * points into 'value'. */
static char *
parse_setting(const char *key, const char *value,
              struct vhc_pool_config *config)
{
    uint64_t size;
    int node;

    if (!strcmp(key, "size")) {
        if (!parse_size(value, &size)) {
            return xasprintf("size=%s is not a number of bytes, such as 64M",
                             value);
        }
        config->size = size;
    } else if (!strcmp(key, "buffer-size")) {
        if (!parse_size(value, &size) || size > UINT32_MAX) {
            return xasprintf("buffer-size=%s is not a number of bytes",
                             value);
        }
        config->buffer_size = size;
    } else if (!strcmp(key, "node")) {
        if (!str_to_int(value, 10, &node) || node < 0) {
            return xasprintf("node=%s is not the number of a NUMA node",
                             value);
        }
        config->node = node;
    } else if (!strcmp(key, "group")) {
        config->group = value;
    } else if (!strcmp(key, "dir")) {
        config->dir = value;
    } else {
        return xasprintf("\"%s\" is not a setting of a pool; there are size, "
                         "buffer-size, node, group and dir", key);
    }
    return NULL;
}

char *
netdev_chain_parse_pool(char *s, struct vhc_pool_config *config)
{
    char *save_ptr = NULL;
    char *token;

    for (token = strtok_r(s, ", ", &save_ptr); token;
         token = strtok_r(NULL, ", ", &save_ptr)) {
        char *value = strchr(token, '=');
        const char *key = value ? token : "size";
        char *error;

        if (value) {
            *value++ = '\0';
        }
        error = parse_setting(key, value ? value : token, config);
        if (error) {
            return error;
        }
    }
    return config->size ? NULL : xstrdup("size is missing, such as size=64M");
}

char *
netdev_chain_split_group(const char *s, char **rest)
{
    struct ds others = DS_EMPTY_INITIALIZER;
    char *copy = xstrdup(s);
    char *save_ptr = NULL;
    char *group = NULL;
    char *token;

    for (token = strtok_r(copy, ", ", &save_ptr); token;
         token = strtok_r(NULL, ", ", &save_ptr)) {
        if (!strncmp(token, "group=", 6)) {
            free(group);
            group = xstrdup(token + 6);
        } else {
            ds_put_format(&others, "%s,", token);
        }
    }
    free(copy);
    *rest = ds_steal_cstr(&others);
    return group;
}

#endif /* HAVE_VHOST_CHAIN */
