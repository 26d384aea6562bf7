/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The three NFs as their users start them: command lines, signals, output. */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-host.h"
#include "frames.h"

#define MAX_ARGS 16

static struct fake_host h, peer;
static char rules_path[128], out_path[128];

static int
setup(void **state)
{
    (void) state;
    fake_host_create(&h, "blue", "in");
    fake_host_create_beside(&peer, &h, "out");
    fake_host_start(&h);
    fake_host_start(&peer);
    snprintf(rules_path, sizeof rules_path, "%s/rules", h.dir);
    snprintf(out_path, sizeof out_path, "%s/out", h.dir);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    unlink(rules_path);
    unlink(out_path);
    fake_host_destroy(&peer);
    fake_host_destroy(&h);
    return 0;
}

static void
write_rules(const char *text)
{
    FILE *stream = fopen(rules_path, "w");

    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

/* Starts 'nf' with the arguments up to NULL; all output goes to 'out_path'.
 * Returns its process id. */
static pid_t
start(const char *nf, ...)
{
    char path[4096];
    char *argv[MAX_ARGS] = { path };
    va_list args;
    pid_t pid;
    int i = 1;

    snprintf(path, sizeof path, "%s/%s", NF_BUILDDIR, nf);
    va_start(args, nf);
    while (i < MAX_ARGS - 1 && (argv[i] = va_arg(args, char *))) {
        i++;
    }
    va_end(args);

    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        int fd = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execv(path, argv);
        _exit(127);
    }
    return pid;
}

static int
await_exit(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int
stop(pid_t pid)
{
    assert_int_equal(kill(pid, SIGTERM), 0);
    return await_exit(pid);
}

static bool
output_has(const char *text)
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

/* Waits up to five seconds for 'text' in the output. */
static void
await_output(const char *text)
{
    for (int i = 0; i < 5000; i++) {
        if (output_has(text)) {
            return;
        }
        fake_sleep(1000);
    }
    fail_msg("no \"%s\" in the output", text);
}

/* Passes a packet from 'in' to 'out' and returns what came. */
static struct vhc_desc
pass(struct fake_host *in, struct fake_host *out, uint8_t proto,
     uint16_t dport)
{
    struct vhc_desc desc;
    struct frame f;

    frame_make(&f, &(struct frame_spec) {
        .src = "10.0.0.1", .dst = "10.0.0.2", .proto = proto,
        .dport = dport });
    desc = fake_host_frame(&h, fake_host_id(7), f.len, 0);
    desc.mark = 0x50001;
    memcpy(fake_host_data(&h, &desc), f.bytes, f.len);
    assert_int_equal(fake_host_put(in, 0, &desc, 1), 1);
    assert_int_equal(fake_host_await(out, 0, &desc, 1), 1);
    assert_int_equal(desc.buf, fake_host_id(7));
    return desc;
}

static void
test_command_lines(void **state)
{
    static const char *const nfs[] = {
        "nf-forward", "nf-firewall", "nf-monitor",
    };

    (void) state;
    for (int i = 0; i < 3; i++) {
        const char *nf = nfs[i];

        assert_int_equal(await_exit(start(nf, "--help", NULL)), 0);
        assert_true(output_has("[OPTION]... [RING [RING]]"));
        assert_int_equal(await_exit(start(nf, "--version", NULL)), 0);
        assert_true(output_has(" (ovs-chain) "PACKAGE_VERSION"\n"));
        assert_int_equal(await_exit(start(nf, "a", "b", "c", NULL)), 2);
        assert_true(output_has("more than two ports"));
        assert_int_equal(await_exit(start(nf, "--no-such", "a", NULL)), 2);
        assert_int_equal(await_exit(start(nf, "--stats", "x", "a", NULL)), 2);
        assert_true(output_has("--stats: \"x\" is not a number from 0 to"));
        assert_int_equal(await_exit(start(nf, "--spin", "-1", "a", NULL)), 2);
        assert_int_equal(await_exit(start(nf, "--name", "", "a", NULL)), 2);
    }
    assert_int_equal(await_exit(start("nf-forward", "/nonexistent", NULL)),
                     1);
    assert_true(output_has("nf-forward: cannot open /nonexistent: "));
    assert_int_equal(await_exit(start("nf-monitor", "--top", "101", "a",
                                      NULL)), 2);
    assert_true(output_has("--top: \"101\" is not a number from 0 to 100"));
    assert_int_equal(await_exit(start("nf-firewall", h.ring_path, NULL)), 1);
    assert_true(output_has("nf-firewall: no rules: give --rules FILE"));
}

static void
test_firewall(void **state)
{
    struct vhc_desc desc;
    char text[256];
    pid_t pid;

    (void) state;
    write_rules("allow proto tcp dport 80\nallow mark 2 proto udp\n");
    pid = start("nf-firewall", "--rules", rules_path, "--name", "wall",
                h.ring_path, NULL);
    await_output("wall: attached to in (pool blue, generation 1) in ");

    desc = pass(&h, &h, 6, 80);
    assert_int_equal(desc.verdict, VHC_FORWARD);
    assert_int_equal(desc.mark, 0x50001);
    desc = pass(&h, &h, 17, 53);
    assert_int_equal(desc.verdict, VHC_FORWARD);
    assert_int_equal(desc.mark, 0x50002);
    assert_int_equal(pass(&h, &h, 6, 81).verdict, VHC_DROP);

    kill(pid, SIGUSR1);
    snprintf(text, sizeof text, "%s:1: packets=1 bytes=54 allow proto tcp "
             "dport 80\n", rules_path);
    await_output(text);

    write_rules("allow proto tcp\nallow nonsense\n");
    kill(pid, SIGHUP);
    snprintf(text, sizeof text, "%s:2: \"nonsense\" is not known", rules_path);
    await_output(text);
    await_output("keeping the old rules");
    assert_int_equal(pass(&h, &h, 6, 81).verdict, VHC_DROP);

    write_rules("default allow\n");
    kill(pid, SIGHUP);
    await_output("0 rules from");
    assert_int_equal(pass(&h, &h, 6, 81).verdict, VHC_FORWARD);
    assert_int_equal(stop(pid), 0);
}

static void
test_bad_rules(void **state)
{
    char text[256];

    (void) state;
    write_rules("\nallow src 10.0.0.1/8\n");
    assert_int_equal(await_exit(start("nf-firewall", "--rules", rules_path,
                                      h.ring_path, NULL)), 1);
    snprintf(text, sizeof text, "nf-firewall: %s:2: \"10.0.0.1/8\" has bits "
             "set behind the first 8", rules_path);
    assert_true(output_has(text));
    assert_int_equal(h.n_attached, 0);
}

static void
test_two_ports(void **state)
{
    pid_t pid;

    (void) state;
    write_rules("allow proto tcp\n");
    pid = start("nf-firewall", "--rules", rules_path, h.ring_path,
                peer.ring_path, NULL);
    await_output("attached to out");
    assert_int_equal(pass(&h, &peer, 6, 80).verdict, VHC_FORWARD);
    assert_int_equal(pass(&peer, &h, 6, 80).verdict, VHC_FORWARD);
    assert_int_equal(pass(&h, &peer, 17, 80).verdict, VHC_DROP);
    assert_int_equal(stop(pid), 0);
    assert_int_equal(fake_host_n_left(&peer), 1);
}

static void
test_monitor(void **state)
{
    pid_t pid;

    (void) state;
    pid = start("nf-monitor", "--read-only", "--stats", "100", "--top", "1",
                h.ring_path, NULL);
    await_output("attached to in (pool blue, generation 1, read-only)");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pass(&h, &h, 17, 53).verdict, VHC_FORWARD);
    }
    kill(pid, SIGUSR1);
    await_output("nf-monitor: ipv4 udp packets=3 bytes=162\n");
    pass(&h, &h, 17, 53);
    assert_int_equal(stop(pid), 0);
    assert_true(output_has("nf-monitor: ipv4 udp packets=4 bytes=216\n"));
    assert_true(output_has("nf-monitor: talker 1 10.0.0.1 bytes=216 "
                           "packets=4\n"));
    assert_true(output_has("nf-monitor: in: rx_packets=4 rx_bytes=216 "
                           "rx_bad=0 tx_packets=4 tx_bytes=216 dropped=0 "));
}

/* Detached and attached again, a process goes on as before. */
static void
test_comes_back(void **state)
{
    pid_t pid = start("nf-forward", "--spin", "0", h.ring_path, NULL);

    (void) state;
    await_output("(pool blue, generation 1)");
    pass(&h, &h, 6, 80);
    fake_host_detach(&h, VHC_REASON_CLOSED);
    await_output("nf-forward: detached: port in: the port was deleted or "
                 "reconfigured, or the switch restarted\n");
    await_output("(pool blue, generation 2)");
    pass(&h, &h, 6, 80);
    assert_int_equal(stop(pid), 0);
    assert_int_equal(fake_host_n_left(&h), 1);
}

static uint64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

/* Attached within 10 ms of its start: the best of twenty, because the machine
 * may be busy. */
static void
test_starts_quickly(void **state)
{
    uint64_t best = UINT64_MAX;

    (void) state;
#if defined ADDRESS_SANITIZER || defined THREAD_SANITIZER
    print_message("skipped: a sanitizer takes longer than that to start\n");
    skip();
#endif
    for (int i = 0; i < 20; i++) {
        uint64_t from = now_us(), us;
        pid_t pid = start("nf-forward", h.ring_path, NULL);

        while (__atomic_load_n(&h.host->state, __ATOMIC_ACQUIRE)
               != VHC_ATTACHED) {
            us = now_us() - from;
            if (us > 5000000) {
                fail_msg("not attached in 5 s");
            }
        }
        us = now_us() - from;
        best = us < best ? us : best;
        assert_int_equal(stop(pid), 0);
        assert_int_equal(h.host->state, VHC_DETACHED);
    }
    assert_in_range(best, 1, 10000);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_command_lines),
        TEST(test_firewall),
        TEST(test_bad_rules),
        TEST(test_two_ports),
        TEST(test_monitor),
        TEST(test_comes_back),
        TEST(test_starts_quickly),
    };

    return cmocka_run_group_tests_name("nfs", tests, NULL, NULL);
}
