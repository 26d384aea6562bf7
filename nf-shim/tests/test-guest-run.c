/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Whole NFs on the PCI devices of a guest, NFs that write to what they may
 * only read, and NFs whose memory goes: each in a process of its own, with
 * what it says on stderr. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-guest.h"
#include "fake-host.h"
#include "nf/shim.h"

#define RING_AT "0000:00:04.0"
#define POOL_AT "0000:00:05.0"

static struct fake_host h;
static struct fake_guest guest;
static char out_path[128];

static int
setup(void **state)
{
    (void) state;
    fake_host_create(&h, "blue", "fw");
    fake_host_start(&h);
    fake_guest_create(&guest);
    fake_guest_add(&guest, RING_AT, h.ring_path);
    fake_guest_add(&guest, POOL_AT, h.pool_path);
    snprintf(out_path, sizeof out_path, "%s/out", h.dir);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    unlink(out_path);
    fake_guest_destroy(&guest);
    fake_host_destroy(&h);
    return 0;
}

/* Does what the first byte of a frame says. */
static void
handle(struct nf_burst *burst, void *aux)
{
    (void) aux;
    for (unsigned int i = 0; i < burst->n; i++) {
        uint8_t *data = burst->packets[i].data;

        switch (data[0]) {
        case 'w':
            *(volatile uint8_t *) (data + 6) = 'x';
            break;
        case 'o':
            *(volatile uint8_t *) mmap(NULL, 1, PROT_NONE, MAP_PRIVATE
                                       | MAP_ANONYMOUS, -1, 0) = 'x';
            break;
        case 'k':
            kill(getpid(), SIGSEGV);
            break;
        case 'b':
            kill(getpid(), SIGBUS);
            break;
        }
    }
}

/* Starts an NF with 'run'; its words go to 'out_path'. */
static pid_t
start(struct nf_run run)
{
    pid_t pid;

    unlink(out_path);           /* What the last one said. */
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        const struct rlimit no_core = { 0, 0 };
        struct nf_error err = { "" };
        int fd = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int error;

        dup2(fd, STDERR_FILENO);
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGSEGV, SIG_DFL); /* Not the test program's. */
        signal(SIGBUS, SIG_DFL);
        run.name = "nf";
        run.n_ports = 1;
        run.port.pci_path = guest.dir;
        run.signals = true;
        run.burst = handle;
        error = nf_run(&run, &err);
        fprintf(stderr, "%s\n", err.text);
        _exit(error);
    }
    return pid;
}

static bool
said(const char *text)
{
    static char buf[65536];
    int fd = open(out_path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof buf - 1);

    if (fd >= 0) {
        close(fd);
    }
    buf[n > 0 ? n : 0] = '\0';
    return strstr(buf, text) != NULL;
}

/* Waits up to ten seconds until the NF has said 'text'. */
static void
await_said(const char *text)
{
    for (int i = 0; i < 10000; i++) {
        if (said(text)) {
            return;
        }
        fake_sleep(1000);
    }
    fail_msg("not said: %s", text);
}

static int
await_status(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void
stop(pid_t pid)
{
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(await_status(pid), 0);
}

static void
put(struct fake_host *host, char what)
{
    struct vhc_desc desc = fake_host_frame(host, fake_host_id(1), 60, what);

    assert_int_equal(fake_host_put(host, 0, &desc, 1), 1);
}

/* Checks that the NF dies of 'signo', like one without a handler. */
static void
await_death(pid_t pid, int signo)
{
    int status = await_status(pid);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), signo);
}

static void
set_access(enum vhc_access access)
{
    pthread_mutex_lock(&h.mutex);
    h.access = access;
    pthread_mutex_unlock(&h.mutex);
}

/* The switch removes ring and pool; then the VM gets new ones. */
static void
test_new_devices(void **state)
{
    struct vhc_desc desc;
    struct fake_host new;
    pid_t pid;

    (void) state;
    pid = start((struct nf_run) { .spin_us = 1 });
    await_said("nf: attached to fw (pool blue, generation 1, found on PCI "
               "device "RING_AT") in ");
    put(&h, 'a');
    assert_int_equal(fake_host_await(&h, 0, &desc, 1), 1);

    fake_host_kill(&h);
    __atomic_store_n(&h.pool->magic, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&h.host->magic, 0, __ATOMIC_RELAXED);
    await_said("nf: detached: port fw: the switch is gone and has removed the "
               "ring or the pool");
    await_said("nf: waiting: PCI device "RING_AT" was port fw, but the switch "
               "has removed or replaced its ring");
    fake_guest_remove(&guest, RING_AT);
    await_said("nf: waiting: no shared memory device is the ring of a port");
    fake_guest_remove(&guest, POOL_AT);
    await_said("nf: waiting: no shared memory device (PCI 1af4:1110");

    fake_host_create(&new, "blue", "fw");
    fake_host_start(&new);
    fake_guest_add(&guest, "0000:00:06.0", new.pool_path);
    fake_guest_add(&guest, "0000:00:07.0", new.ring_path);
    await_said("found on PCI device 0000:00:07.0");
    put(&new, 'a');
    assert_int_equal(fake_host_await(&new, 0, &desc, 1), 1);
    stop(pid);
    fake_host_destroy(&new);
}

static void
test_writes(void **state)
{
    pid_t pid;

    (void) state;
    pid = start((struct nf_run) { .writes = true });
    await_said("attached to fw");
    stop(pid);

    set_access(VHC_READ_ONLY);
    pid = start((struct nf_run) { .writes = true });
    assert_int_equal(WEXITSTATUS(await_status(pid)), EROFS);
    assert_true(said("port fw is read-only, but this NF writes to packets: "
                     "set options:chain-access=rw"));
    pid = start((struct nf_run) { .spin_us = 1 });
    await_said("attached to fw (pool blue, generation 3, read-only");
    stop(pid);
}

/* Dies of SIGSEGV in any case, with words if it wrote to a packet. */
static void
test_faults(void **state)
{
    static const char cases[] = "wok";

    (void) state;
    set_access(VHC_READ_ONLY);
    for (int i = 0; cases[i]; i++) {
        pid_t pid = start((struct nf_run) { .spin_us = 1 });

        await_said("attached to fw");
        put(&h, cases[i]);
        await_death(pid, SIGSEGV);
        assert_int_equal(said("port fw: the NF wrote to a packet, but may "
                              "only read them (options:chain-access=ro"),
                         cases[i] == 'w');
    }

    set_access(VHC_READ_WRITE); /* Now it may. */
    pid_t pid = start((struct nf_run) { .spin_us = 1 });
    struct vhc_desc desc;

    await_said("attached to fw");
    put(&h, 'w');
    assert_int_equal(fake_host_await(&h, 0, &desc, 1), 1);
    assert_int_equal(fake_host_data(&h, &desc)[6], 'x');
    stop(pid);
}

/* Waits up to ten seconds until the NF has asked the switch. */
static void
await_request(void)
{
    for (int i = 0; i < 10000; i++) {
        if (__atomic_load_n(&h.nf->request, __ATOMIC_ACQUIRE)) {
            return;
        }
        fake_sleep(1000);
    }
    fail_msg("no request");
}

/* A device is removed from the VM, or a file truncated, while the NF sleeps
 * or while it waits for the switch.  (The packets of a pool without its first
 * page are gone, but it still says what it is.) */
static void
test_gone(void **state)
{
    static const struct {
        bool is_process;
        bool is_pool;
        bool is_waiting;
    } cases[] = {
        { false, false, false },
        { false, true, false },
        { false, false, true },
        { true, false, false },
        { true, true, false },
        { true, false, true },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vhc_desc desc = fake_host_frame(&h, fake_host_id(1), 60, 'a');
        pid_t pid;

        pthread_mutex_lock(&h.mutex);
        h.silent = cases[i].is_waiting;
        pthread_mutex_unlock(&h.mutex);
        pid = start((struct nf_run) {
            .spin_us = 1,
            .port.timeout_ms = -1,
            .rings = { cases[i].is_process ? h.ring_path : NULL },
        });
        if (cases[i].is_waiting) {
            await_request();
        } else {
            await_said("attached to fw");
        }
        fake_host_kill(&h);     /* It would die, too. */
        if (cases[i].is_pool) {
            assert_int_equal(truncate(h.pool_path, FAKE_PAGE_SIZE), 0);
            assert_int_equal(fake_host_put(&h, 0, &desc, 1), 1);
        } else {
            assert_int_equal(truncate(h.ring_path, 0), 0);
        }
        await_death(pid, SIGBUS);
        assert_true(said(cases[i].is_pool ? "port fw: the memory of its pool "
                         "is gone: the device was removed from the VM, or its "
                         "file was truncated\n"
                         : "port fw: the memory of its ring is gone: the "
                         "device was removed from the VM, or its file was "
                         "truncated\n"));
        teardown(state);
        setup(state);
    }
}

/* Other reasons to die of SIGBUS. */
static void
test_killed(void **state)
{
    pid_t pid;

    (void) state;
    pid = start((struct nf_run) { .spin_us = 1 });
    await_said("attached to fw");
    put(&h, 'b');
    await_death(pid, SIGBUS);
    assert_false(said("is gone"));
}

/* The loop tells its user when wake-ups do not come. */
static void
test_naps(void **state)
{
    struct vhc_desc desc;
    pid_t pid;

    (void) state;
    pid = start((struct nf_run) { .spin_us = 1 });
    await_said("attached to fw");
    for (int i = 0; i < 1000 && !said("every 2 ms instead of sleeping"); i++) {
        put(&h, 'a');
        assert_int_equal(fake_host_await(&h, 0, &desc, 1), 1);
    }
    assert_true(said("nf: port fw: "));
    assert_true(said("every 2 ms instead of sleeping"));
    stop(pid);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_new_devices),
        TEST(test_writes),
        TEST(test_faults),
        TEST(test_gone),
        TEST(test_killed),
        TEST(test_naps),
    };

    return cmocka_run_group_tests_name("guest-run", tests, NULL, NULL);
}
