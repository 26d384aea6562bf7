/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf.h>

struct scratch sandbox_pools;
struct scratch sandbox_links;

int
sandbox_setup(void **state)
{
    (void) state;
    scratch_make(&sandbox_pools);
    scratch_make(&sandbox_links);
    return 0;
}

int
sandbox_teardown(void **state)
{
    (void) state;
    scratch_remove(&sandbox_pools);
    scratch_remove(&sandbox_links);
    return 0;
}

int
sandbox_count(void)
{
    return scratch_count(&sandbox_pools) + scratch_count(&sandbox_links);
}

struct vhc_pool_config
sandbox_config(void)
{
    struct vhc_pool_config config = VHC_POOL_CONFIG_INITIALIZER;

    config.name = "blue";
    config.size = 4 * MIB;
    config.dir = sandbox_pools.path;
    config.link_dir = sandbox_links.path;
    config.page_size = 2 * MIB;
    config.priv_size = SANDBOX_PRIV_SIZE;
    config.mark_offset = sizeof(struct rte_mbuf);
    return config;
}

struct vhc_pool *
sandbox_create(const struct vhc_pool_config *config)
{
    char *message = NULL;
    struct vhc_pool *pool;
    int error = vhc_pool_create(config, &pool, &message);

    if (error) {
        fail_msg("%s: %s", strerror(error), message ? message : "no message");
    }
    assert_null(message);
    assert_non_null(pool);
    return pool;
}

struct vhc_account
sandbox_account(const struct vhc_pool *pool)
{
    struct vhc_account account;

    vhc_pool_get_account(pool, &account);
    assert_true(account.balanced);
    assert_int_equal(account.free + account.owned + account.in_switch,
                     account.all);
    return account;
}
