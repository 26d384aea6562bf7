/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Kills a switch under traffic, again and again, and looks at what it left.
 *
 *     child: a switch            this process: the NF, which stays attached
 *       port 0   --- rx ring -->   every packet is checked, and goes back
 *                <-- tx ring ---
 *
 * or, with two ports, out through the tx ring of the other.  The child also
 * gives the NF empty buffers, and the NF gives them back.  When the child is
 * dead, this process starts a switch of its own on the same files:
 *
 *   - every buffer that the ledger says is the NF's comes back exactly once,
 *     and no other;
 *   - the packets that the NF gets are numbered without a gap and unchanged;
 *   - of those that the NF sent, no more than the burst that the child had
 *     taken is missing;
 *   - free + owned = all.
 *
 * VHC_KILLS in the environment says how many. */

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "again.h"
#include "eal.h"
#include "pool-private.h"

#define BURST 32
#define WINDOW 32               /* Packets under way from a port: with the
                                 * empty buffers, less than a ring. */
#define FILL_LEVEL 24
#define MIN_LEN 64
#define N_KILLS 40              /* With each number of ports. */

/* What child and parent tell each other. */
struct board {
    uint32_t ready;             /* The child forwards. */
    uint32_t n_bad;             /* Packets that it found wrong. */
    uint64_t n_received;        /* Ever taken from the NF. */
};

static const char *const names[] = { "fw", "out" };
static struct vhc_port *ports[2];
static struct fake_nf nfs[2];
static struct board *board;
static int n_ports;
static uint64_t next_number[2]; /* That the NF waits for, of each port. */
static uint64_t n_put;          /* Packets ever sent by the NF. */
static unsigned n_bad;          /* Wrong packets. */
static uint64_t n_lost, max_lost; /* Taken by a child that died. */

/* Packets: a number, and what follows from it. */

static unsigned
len_of(uint64_t number)
{
    return MIN_LEN + number * 2654435761u % 200 * 8;
}

static uint64_t
word_of(uint64_t number, unsigned i)
{
    uint64_t x = (number + i) * UINT64_C(0x9e3779b97f4a7c15);

    return x ^ x >> 29;
}

static void
write_packet(uint8_t *data, uint64_t number)
{
    memcpy(data, &number, sizeof number);
    for (unsigned i = 1; i < len_of(number) / 8; i++) {
        uint64_t word = word_of(number, i);

        memcpy(data + 8 * i, &word, sizeof word);
    }
}

static bool
is_good(const uint8_t *data, unsigned len)
{
    uint64_t number, word;

    memcpy(&number, data, sizeof number);
    for (unsigned i = 1; i < len / 8; i++) {
        memcpy(&word, data + 8 * i, sizeof word);
        if (word != word_of(number, i)) {
            return false;
        }
    }
    return len == len_of(number);
}

static struct board *
map_board(const char *file)
{
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *p;

    assert_int_equal(ftruncate(fd, sizeof(struct board)), 0);
    p = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED,
             fd, 0);
    assert_true(p != MAP_FAILED);
    close(fd);
    return p;
}

/* The switch, child or parent. */

static void
open_switch(const char *pools, const char *links)
{
    struct vhc_pool_config pool_config = sandbox_config();
    struct vhc_port_config config = rig_config();

    pool_config.dir = pools;
    pool_config.link_dir = links;
    rig.pool = sandbox_create(&pool_config);
    config.max_len = 2048;
    for (int i = 0; i < n_ports; i++) {
        config.name = names[i];
        ports[i] = rig_open(&config);
    }
}

/* Makes numbered packets of 'mbufs', sends them to port 'i', and returns how
 * many went. */
static unsigned
send_packets(int i, struct rte_mbuf **mbufs, unsigned n, uint64_t *number)
{
    for (unsigned j = 0; j < n; j++) {
        struct rte_mbuf *m = mbufs[j];
        unsigned len = len_of(*number + j);

        m->data_len = m->pkt_len = len;
        write_packet(rte_pktmbuf_mtod(m, uint8_t *), *number + j);
    }
    n = vhc_port_tx(ports[i], 0, mbufs, n);
    *number += n;
    return n;
}

/* One turn of a switch at port 'i': what comes in there goes out again.
 * 'under_way' counts what went out of each port and is not back. */
static void
forward(int i, uint64_t *number, uint32_t *under_way)
{
    uint32_t *back = &under_way[n_ports - 1 - i];
    struct rte_mbuf *mbufs[BURST];
    unsigned n = vhc_port_rx(ports[i], 0, mbufs, BURST);

    for (unsigned j = 0; j < n; j++) {
        board->n_bad += !is_good(rte_pktmbuf_mtod(mbufs[j], uint8_t *),
                                 mbufs[j]->data_len);
    }
    __atomic_fetch_add(&board->n_received, n, __ATOMIC_RELAXED);
    *back -= n < *back ? n : *back;
    while (n < BURST && under_way[i] + n < WINDOW
           && (mbufs[n] = rte_pktmbuf_alloc(rig.pool->mp))) {
        n++;
    }
    under_way[i] += send_packets(i, mbufs, n, number);
}

static int
be_switch(char *argv[])
{
    uint64_t number[2];
    uint32_t under_way[2] = { 0, 0 };
    uint32_t round = atoi(argv[4]);

    board = map_board(argv[3]);
    n_ports = atoi(argv[5]);
    if (eal_setup(NULL)) {
        return 1;
    }
    open_switch(argv[1], argv[2]);
    number[0] = number[1] = (uint64_t) round << 32;
    __atomic_store_n(&board->ready, 1, __ATOMIC_RELEASE);
    for (uint32_t turn = 0;; turn++) {
        for (int i = 0; i < n_ports; i++) {
            forward(i, &number[i], under_way);
            if (turn % 64 == 0 && vhc_port_run(ports[i]) != VHC_PORT_SAME) {
                return 2;
            }
        }
    }
}

/* The NF. */

/* The packets of one switch have successive numbers, the first of the next
 * begins anew. */
static void
check_packet(int i, const struct vhc_desc *desc)
{
    const uint8_t *data = fake_nf_data(&nfs[i], desc);
    uint64_t number;

    memcpy(&number, data, sizeof number);
    n_bad += !is_good(data, desc->len);
    n_bad += number != next_number[i]
             && (number <= next_number[i] || (uint32_t) number);
    next_number[i] = number + 1;
}

/* One turn of the NF at port 'i', through which 'n' packets went. */
static unsigned
be_nf(int i)
{
    struct fake_nf *to = &nfs[n_ports - 1 - i];
    struct vhc_desc descs[BURST];
    unsigned room = vhc_ring_reserve(&to->tx[0], BURST);
    unsigned n = fake_nf_get(&nfs[i], 0, descs, room);

    for (unsigned j = 0; j < n; j++) {
        check_packet(i, &descs[j]);
    }
    fake_nf_put(to, 0, descs, n);
    n_put += n;

    room = vhc_ring_reserve(&to->tx[0], BURST);
    room = fake_nf_get_empty(&nfs[i], 0, descs, room < 8 ? room : 8);
    for (unsigned j = 0; j < room; j++) {
        descs[j].verdict = VHC_DROP;
    }
    fake_nf_put(to, 0, descs, room);
    return n;
}

/* What the dead switch left. */

/* Marks the buffers in the ring 'role' of port 'i', whose verdict is
 * 'verdict', as seen. */
static void
mark(int i, enum vhc_ring_role role, uint8_t verdict, uint8_t *seen)
{
    struct vhc_ring *ring = fake_nf_ring(&nfs[i], 0, role);

    for (uint32_t j = ring->cons; j != ring->prod; j++) {
        const struct vhc_desc *desc = &ring->desc[j % RIG_RING_SIZE];

        seen[desc->buf] += desc->verdict == verdict;
    }
}

/* Marks the packets that the NF sent to port 'i', and returns how many. */
static unsigned
receive(int i, uint8_t *seen)
{
    struct rte_mbuf *mbufs[BURST];
    unsigned n = vhc_port_rx(ports[i], 0, mbufs, BURST);

    for (unsigned j = 0; j < n; j++) {
        seen[vhc_pool_id(rig.pool, mbufs[j])]++;
        n_bad += !is_good(rte_pktmbuf_mtod(mbufs[j], uint8_t *),
                          mbufs[j]->data_len);
        rte_pktmbuf_free(mbufs[j]);
    }
    board->n_received += n;
    return n;
}

/* Marks each buffer where it is in the rings, or where it comes out. */
static void
drain(uint8_t *seen)
{
    bool progress = true;

    for (int i = 0; i < n_ports; i++) {
        mark(i, VHC_TX, VHC_DROP, seen);
        mark(i, VHC_FILL, VHC_FORWARD, seen);
    }
    while (progress) {
        progress = false;
        for (int i = 0; i < n_ports; i++) {
            progress |= be_nf(i) > 0;
            progress |= receive(i, seen) > 0;
        }
    }
}

static void
check_attached(void)
{
    for (int i = 0; i < n_ports; i++) {
        assert_true(vhc_port_is_attached(ports[i]));
        assert_int_equal(vhc_port_run(ports[i]), VHC_PORT_SAME);
        assert_int_equal(nfs[i].host->state, VHC_ATTACHED);
        assert_int_equal(nfs[i].host->generation, 1);
        assert_false(nfs[i].rx[0].bad | nfs[i].tx[0].bad | nfs[i].fill[0].bad);
    }
}

static void
close_switch(void)
{
    for (int i = 0; i < n_ports; i++) {
        vhc_port_abandon(ports[i]);
    }
    vhc_pool_destroy(rig.pool, false);
}

static void
check_leftovers(void)
{
    static uint8_t seen[2048];
    static bool owned[2048];
    uint64_t lost;

    open_switch(sandbox_pools.path, sandbox_links.path);
    assert_true(rig.pool->ledger.recovered);
    check_attached();
    assert_int_equal(rig.pool->geometry.n_ids, 2048);
    for (uint32_t id = 0; id < 2048; id++) {
        owned[id] = rig.pool->owner[id] != VHC_OWNER_NONE
                    && rig.pool->owner[id] != VHC_OWNER_HOST;
        seen[id] = 0;
    }
    assert_int_equal(sandbox_account(rig.pool).in_switch, 0);
    drain(seen);
    for (uint32_t id = 0; id < 2048; id++) {
        if (seen[id] != owned[id]) {
            fail_msg("buffer %u: %d times, not %d", id, seen[id], owned[id]);
        }
    }
    check_attached();
    assert_int_equal(sandbox_account(rig.pool).in_switch, 0);
    assert_int_equal(n_bad, 0);
    assert_int_equal(board->n_bad, 0);

    lost = n_put - board->n_received - n_lost;
    assert_in_range(lost, 0, BURST);
    n_lost += lost;
    max_lost = lost > max_lost ? lost : max_lost;
    close_switch();
}

static uint64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

/* Starts the switch of 'round'. */
static pid_t
start_switch(int round, const char *board_file)
{
    char round_text[16], n_text[16];
    pid_t pid;

    snprintf(round_text, sizeof round_text, "%d", round);
    snprintf(n_text, sizeof n_text, "%d", n_ports);
    __atomic_store_n(&board->ready, 0, __ATOMIC_RELEASE);
    pid = fork();
    if (!pid) {
        execl("/proc/self/exe", "test-killed", sandbox_pools.path,
              sandbox_links.path, board_file, round_text, n_text, NULL);
        _exit(127);
    }
    return pid;
}

/* Runs the NF until a switch has forwarded for 'us' microseconds or, if
 * 'early' is nonzero, that long after the switch was started, whatever it does
 * then; and kills it. */
static void
run_and_kill(pid_t pid, uint64_t us, uint64_t early)
{
    uint64_t start = now_us();
    uint64_t end = early ? start + early : UINT64_MAX;
    int status;

    while (now_us() < end) {
        for (int i = 0; i < n_ports; i++) {
            be_nf(i);
        }
        if (end == UINT64_MAX
            && __atomic_load_n(&board->ready, __ATOMIC_ACQUIRE)) {
            end = now_us() + us;
        }
        assert_true(now_us() < start + 60 * 1000 * 1000);
    }
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Makes pool and ports, and attaches the NF, once. */
static void
attach_all(void)
{
    open_switch(sandbox_pools.path, sandbox_links.path);
    for (int i = 0; i < n_ports; i++) {
        char ring[32];
        enum vhc_port_event event;

        snprintf(ring, sizeof ring, "ovs-chain.blue.%s", names[i]);
        fake_nf_open(&nfs[i], scratch_file(&sandbox_links, ring),
                     scratch_file(&sandbox_links, "ovs-chain.blue"));
        fake_nf_lock(&nfs[i]);
        fake_nf_prepare(&nfs[i]);
        nfs[i].nf->features = VHC_NF_F_LOCK;
        nfs[i].nf->fill_level = FILL_LEVEL;
        nfs[i].nf->peer_token = i ? nfs[0].host->token : 0;
        __atomic_store_n(&nfs[i].nf->request, 1, __ATOMIC_RELEASE);
        event = vhc_port_run(ports[i]);
        if (event == VHC_PORT_LINKING) {
            event = vhc_port_quiesced(ports[i]);
        }
        assert_int_equal(event, VHC_PORT_ATTACHED);
    }
    check_attached();
    close_switch();
}

static void
kill_switches(int n)
{
    const char *kills = getenv("VHC_KILLS");
    int n_kills = kills ? atoi(kills) : N_KILLS;
    struct scratch work;        /* Where the children leave their own. */
    const char *board_file;

    scratch_make(&work);
    setenv("TMPDIR", work.path, 1);
    board_file = scratch_file(&work, "board");
    board = map_board(board_file);
    srandom(getpid());
    n_ports = n;
    n_put = n_lost = max_lost = next_number[0] = next_number[1] = 0;

    attach_all();
    for (int i = 1; i <= n_kills; i++) {
        run_and_kill(start_switch(i, board_file), random() % 3000,
                     i % 8 ? 0 : 10000 + random() % 200000);
        check_leftovers();
    }
    print_message("%d port(s): %d kills, %llu packets through the NF, %llu "
                  "taken by a switch that died, at most %llu at once\n", n,
                  n_kills, (unsigned long long) n_put,
                  (unsigned long long) n_lost, (unsigned long long) max_lost);

    unsetenv("TMPDIR");
    for (int i = 0; i < n; i++) {
        fake_nf_close(&nfs[i]);
    }
    munmap(board, sizeof *board);
    scratch_remove(&work);
}

static void
test_one_port(void **state)
{
    (void) state;
    kill_switches(1);
}

static void
test_two_ports(void **state)
{
    (void) state;
    kill_switches(2);
}

int
main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown( \
    NAME, sandbox_setup, sandbox_teardown)
        TEST(test_one_port),
        TEST(test_two_ports),
#undef TEST
    };

    return argc == 6 ? be_switch(argv)
           : cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
