/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The host's side of the handshake: what it reads of a request, what it
 * answers, and when. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attach.h"
#include "vhc/port.h"

static const uint8_t uuid[VHC_UUID_SIZE] = "0123456789abcdef";

/* What the switch expects: two queues and that pool. */
static struct vhc_expect
good_expect(void)
{
    struct vhc_expect expect = {
        .n_queues = 2, .peer_attached = true, .indices_zero = true
    };

    memcpy(expect.pool_uuid, uuid, sizeof expect.pool_uuid);
    return expect;
}

/* A request that may attach. */
static struct vhc_ctrl_nf
good_nf(uint32_t request)
{
    struct vhc_ctrl_nf nf = {
        .request = request, .abi_version = VHC_ABI_VERSION,
        .features = VHC_NF_F_ALL, .n_queues = 2, .fill_level = 33,
        .pid = 4711, .peer_token = UINT64_C(0x0123456789abcdef),
        .name = "nf-forward",
    };

    memcpy(nf.pool_uuid, uuid, sizeof nf.pool_uuid);
    return nf;
}

static struct vhc_request
good_request(uint32_t number)
{
    struct vhc_ctrl_nf nf = good_nf(number);
    struct vhc_request req;

    vhc_request_read(&nf, &req);
    return req;
}

static void
test_read(void **state)
{
    struct vhc_ctrl_nf nf = good_nf(9);
    struct vhc_request req;

    (void) state;
    memset(&req, 0xff, sizeof req);
    vhc_request_read(&nf, &req);
    assert_int_equal(req.number, 9);
    assert_int_equal(req.abi_version, VHC_ABI_VERSION);
    assert_int_equal(req.features, VHC_NF_F_ALL);
    assert_int_equal(req.n_queues, 2);
    assert_int_equal(req.fill_level, 33);
    assert_int_equal(req.pid, 4711);
    assert_true(req.peer_token == UINT64_C(0x0123456789abcdef));
    assert_memory_equal(req.pool_uuid, uuid, sizeof uuid);
    assert_string_equal(req.name, "nf-forward");
    assert_false(req.reserved);
}

/* Without a request nothing of the rest means anything. */
static void
test_read_none(void **state)
{
    static const struct vhc_request none;
    struct vhc_ctrl_nf nf = good_nf(0);
    struct vhc_request req;

    (void) state;
    memset(&req, 0xff, sizeof req);
    nf.reserved0[0] = 1;
    vhc_request_read(&nf, &req);
    assert_memory_equal(&req, &none, sizeof req);
}

/* Each bit of each reserved word of a request is looked at. */
static void
test_read_reserved(void **state)
{
    (void) state;
    for (int word = 0; word < 4; word++) {
        for (int bit = 0; bit < 32; bit++) {
            struct vhc_ctrl_nf nf = good_nf(1);
            struct vhc_request req;

            nf.reserved0[word] = UINT32_C(1) << bit;
            vhc_request_read(&nf, &req);
            assert_true(req.reserved);
        }
    }
}

/* A name ends up in logs, JSON and terminals. */
static void
test_names(void **state)
{
    static const struct {
        char name[VHC_NAME_SIZE + 1];
        const char *want;
    } cases[] = {
        { "", "" },
        { "fw 1 ~", "fw 1 ~" },
        { "a\nb\rc\td", "a?b?c?d" },
        { "\033[2J\033]0;x\007", "?[2J?]0;x?" },
        { "\"quoted\\", "?quoted?" },
        { "\x7f\x80\xff\xc3\xa9", "?????" },
        { "%s%n{}<>&'`$(x)", "%s%n{}<>&'`$(x)" },
        /* 64 characters: no NUL in shared memory. */
        { "0123456789012345678901234567890123456789012345678901234567890123",
          "012345678901234567890123456789012345678901234567890123456789012" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vhc_ctrl_nf nf = good_nf(1);
        struct vhc_request req;

        memcpy(nf.name, cases[i].name, sizeof nf.name);
        vhc_request_read(&nf, &req);
        assert_string_equal(req.name, cases[i].want);
    }
}

/* Each byte that a name can have. */
static void
test_name_bytes(void **state)
{
    (void) state;
    for (int c = 1; c <= UINT8_MAX; c++) {
        bool keep = c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
        struct vhc_ctrl_nf nf = good_nf(1);
        struct vhc_request req;

        memset(nf.name, c, sizeof nf.name);
        vhc_request_read(&nf, &req);
        assert_int_equal(strlen(req.name), VHC_NAME_SIZE - 1);
        assert_int_equal((unsigned char) req.name[0], keep ? c : '?');
        assert_int_equal(req.name[VHC_NAME_SIZE - 2], req.name[0]);
    }
}

/* What is wrong with a request. */
enum fault {
    ABI = 1 << 0,
    ABI_NEWER = 1 << 1,
    RESERVED = 1 << 2,
    UUID_FIRST = 1 << 3,
    UUID_LAST = 1 << 4,
    FEATURE = 1 << 5,
    FEATURES = 1 << 6,
    NO_FEATURES = 1 << 7,       /* Which is all right. */
    QUEUES_LESS = 1 << 8,
    QUEUES_MORE = 1 << 9,
    QUEUES_ZERO = 1 << 10,
    INDICES = 1 << 11,
    NUMBER = 1 << 12,           /* As large as can be: all right. */
    PEER = 1 << 13,             /* It does not have the port it names. */
    NO_PEER = 1 << 14           /* It names none: all right. */
};

static enum vhc_reason
check_with(unsigned faults)
{
    struct vhc_expect expect = good_expect();
    struct vhc_ctrl_nf nf = good_nf(faults & NUMBER ? UINT32_MAX : 1);
    struct vhc_request req;

    nf.abi_version += faults & ABI_NEWER ? 1 : faults & ABI ? -1 : 0;
    nf.reserved0[3] = faults & RESERVED ? 1 : 0;
    nf.pool_uuid[0] ^= faults & UUID_FIRST ? 1 : 0;
    nf.pool_uuid[15] ^= faults & UUID_LAST ? 0x80 : 0;
    nf.features = (faults & FEATURE ? VHC_NF_F_ALL + 1
                   : faults & FEATURES ? UINT32_MAX
                   : faults & NO_FEATURES ? 0 : nf.features);
    nf.n_queues = (faults & QUEUES_LESS ? 1
                   : faults & QUEUES_MORE ? 3
                   : faults & QUEUES_ZERO ? 0 : nf.n_queues);
    nf.peer_token = faults & NO_PEER ? 0 : nf.peer_token;
    expect.peer_attached = !(faults & (PEER | NO_PEER));
    expect.indices_zero = !(faults & INDICES);
    vhc_request_read(&nf, &req);
    return vhc_request_check(&req, &expect);
}

static void
test_check(void **state)
{
    static const struct {
        int number;
        unsigned faults;
        enum vhc_reason want;
    } cases[] = {
        { 1, 0, VHC_REASON_NONE },
        { 2, NO_FEATURES, VHC_REASON_NONE },
        { 3, NUMBER, VHC_REASON_NONE },
        { 4, NO_PEER, VHC_REASON_NONE },

        { 10, ABI, VHC_REASON_ABI },
        { 11, ABI_NEWER, VHC_REASON_ABI },
        { 12, RESERVED, VHC_REASON_RESERVED },
        { 13, UUID_FIRST, VHC_REASON_POOL },
        { 14, UUID_LAST, VHC_REASON_POOL },
        { 15, FEATURE, VHC_REASON_FEATURES },
        { 16, FEATURES, VHC_REASON_FEATURES },
        { 17, QUEUES_LESS, VHC_REASON_QUEUES },
        { 18, QUEUES_MORE, VHC_REASON_QUEUES },
        { 19, QUEUES_ZERO, VHC_REASON_QUEUES },
        { 20, PEER, VHC_REASON_PEER },
        { 21, INDICES, VHC_REASON_INDICES },

        /* Another version may have another meaning for all the rest. */
        { 30, ABI | RESERVED | UUID_FIRST | FEATURE | QUEUES_LESS | INDICES,
          VHC_REASON_ABI },
        { 31, RESERVED | UUID_FIRST | FEATURE | QUEUES_LESS | INDICES,
          VHC_REASON_RESERVED },
        { 32, UUID_FIRST | FEATURE | QUEUES_LESS | INDICES,
          VHC_REASON_POOL },
        { 33, FEATURE | QUEUES_LESS | INDICES, VHC_REASON_FEATURES },
        { 34, QUEUES_LESS | PEER | INDICES, VHC_REASON_QUEUES },
        { 35, PEER | INDICES, VHC_REASON_PEER },
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum vhc_reason reason = check_with(cases[i].faults);

        if (reason != cases[i].want) {
            fail_msg("case %d: %s", cases[i].number, vhc_reason_text(reason));
        }
    }
}

/* One life of a port, step by step.  'request' is what stands in the file
 * then, 'bad' makes it one that is refused. */
static const struct {
    int number;
    uint32_t request;
    bool bad;
    enum vhc_reason fault;
    enum vhc_step step;
    enum vhc_state state;
    enum vhc_reason reason;
    uint32_t generation;
} life[] = {
#define STEP(N, REQUEST, BAD, FAULT, DO, STATE, REASON, GENERATION)         \
    { N, REQUEST, BAD, VHC_REASON_##FAULT, VHC_STEP_##DO, VHC_##STATE,  \
      VHC_REASON_##REASON, GENERATION }

    /* Nobody, then somebody, who leaves. */
    STEP(1, 0, 0, NONE, NONE, DETACHED, NONE, 0),
    STEP(2, 1, 0, NONE, ATTACH, ATTACHED, NONE, 1),
    STEP(3, 1, 0, NONE, NONE, ATTACHED, NONE, 1),
    STEP(4, 0, 0, NONE, DETACH, DETACHED, LEFT, 1),
    STEP(5, 0, 0, NONE, NONE, DETACHED, LEFT, 1),

    /* A request that was answered is not answered again. */
    STEP(6, 1, 0, NONE, NONE, DETACHED, LEFT, 1),
    STEP(7, 2, 0, NONE, ATTACH, ATTACHED, NONE, 2),

    /* One that dies: what it left does not attach itself. */
    STEP(8, 2, 0, GONE, DETACH, DETACHED, GONE, 2),
    STEP(9, 2, 0, NONE, NONE, DETACHED, GONE, 2),
    STEP(10, 2, 0, GONE, NONE, DETACHED, GONE, 2),

    /* One that is replaced: detached first, attached at the next look. */
    STEP(11, 3, 0, NONE, ATTACH, ATTACHED, NONE, 3),
    STEP(12, 4, 0, NONE, DETACH, DETACHED, REPLACED, 3),
    STEP(13, 4, 0, NONE, ATTACH, ATTACHED, NONE, 4),

    /* One that is thrown out, and may come back. */
    STEP(14, 4, 0, CORRUPT, DETACH, DETACHED, CORRUPT, 4),
    STEP(15, 4, 0, NONE, NONE, DETACHED, CORRUPT, 4),
    STEP(16, 5, 0, NONE, ATTACH, ATTACHED, NONE, 5),

    /* What an attached NF writes into its request changes nothing. */
    STEP(17, 5, 1, NONE, NONE, ATTACHED, NONE, 5),

    /* It leaves at the moment at which it is found dead. */
    STEP(18, 0, 0, GONE, DETACH, DETACHED, LEFT, 5),

    /* One that is refused, once. */
    STEP(19, 6, 1, NONE, REFUSE, REFUSED, QUEUES, 5),
    STEP(20, 6, 1, NONE, NONE, REFUSED, QUEUES, 5),
    STEP(21, 6, 0, NONE, NONE, REFUSED, QUEUES, 5),
    STEP(22, 0, 0, NONE, NONE, REFUSED, QUEUES, 5),
    STEP(23, 7, 1, NONE, REFUSE, REFUSED, QUEUES, 5),
    STEP(24, 8, 0, NONE, ATTACH, ATTACHED, NONE, 6),

    /* A bad one in place of a good one. */
    STEP(25, 9, 1, NONE, DETACH, DETACHED, REPLACED, 6),
    STEP(26, 9, 1, NONE, REFUSE, REFUSED, QUEUES, 6),

    /* Numbers are only compared for being the same. */
    STEP(27, UINT32_MAX, 0, NONE, ATTACH, ATTACHED, NONE, 7),
    STEP(28, 1, 0, NONE, DETACH, DETACHED, REPLACED, 7),
    STEP(29, 1, 0, NONE, ATTACH, ATTACHED, NONE, 8),
#undef STEP
};

static void
test_life(void **state)
{
    struct vhc_expect expect = good_expect();
    struct vhc_attach attach = { .state = VHC_DETACHED };

    (void) state;
    for (size_t i = 0; i < sizeof life / sizeof life[0]; i++) {
        struct vhc_request req = good_request(life[i].request);
        enum vhc_step step;

        req.n_queues += life[i].bad;
        step = vhc_attach_step(&attach, &req, &expect, life[i].fault);
        if (step != life[i].step || attach.state != life[i].state
            || attach.reason != life[i].reason
            || attach.generation != life[i].generation) {
            fail_msg("step %d: %d, %s, \"%s\", generation %u",
                     life[i].number, step, vhc_state_name(attach.state),
                     vhc_reason_text(attach.reason), attach.generation);
        }
    }
}

/* Every way in which an attachment ends that is not the NF's own. */
static void
test_faults(void **state)
{
    (void) state;
    for (int fault = 1; fault < VHC_N_REASONS; fault++) {
        struct vhc_attach attach = { .state = VHC_DETACHED };
        struct vhc_request req = good_request(1);
        struct vhc_expect expect = good_expect();

        assert_int_equal(vhc_attach_step(&attach, &req, &expect, 0),
                         VHC_STEP_ATTACH);
        assert_int_equal(vhc_attach_step(&attach, &req, &expect, fault),
                         VHC_STEP_DETACH);
        assert_int_equal(attach.state, VHC_DETACHED);
        assert_int_equal(attach.reason, fault);
    }
}

/* The answer names the request that it answers, and is 0 once the switch is
 * done with the NF. */
static void
test_publish(void **state)
{
    static const struct {
        struct vhc_attach attach;
        uint32_t answer;
    } cases[] = {
        { { VHC_ATTACHED, VHC_REASON_NONE, 17, 3 }, 17 },
        { { VHC_REFUSED, VHC_REASON_POOL, 18, 3 }, 18 },
        { { VHC_DETACHED, VHC_REASON_LEFT, 18, 4 }, 0 },
    };
    struct vhc_ctrl_host before, host;

    (void) state;
    memset(&host, 0xa5, sizeof host);
    before = host;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct vhc_attach *attach = &cases[i].attach;

        vhc_attach_publish(attach, &host);
        assert_int_equal(host.answer, cases[i].answer);
        assert_int_equal(host.state, attach->state);
        assert_int_equal(host.reason, attach->reason);
        assert_int_equal(host.generation, attach->generation);

        /* And nothing else changed. */
        before.answer = host.answer;
        before.state = host.state;
        before.reason = host.reason;
        before.generation = host.generation;
        assert_memory_equal(&host, &before, sizeof host);
    }
}

static void
test_words(void **state)
{
    (void) state;
    assert_string_equal(vhc_state_name(VHC_DETACHED), "detached");
    assert_string_equal(vhc_state_name(VHC_ATTACHED), "attached");
    assert_string_equal(vhc_state_name(VHC_REFUSED), "refused");
    assert_string_equal(vhc_reason_text(VHC_REASON_POOL),
                        "the NF mapped another pool than the port's");
    assert_string_equal(vhc_reason_text(VHC_REASON_LEFT), "the NF detached");
    assert_string_equal(vhc_reason_text(VHC_N_REASONS), "unknown reason");
    assert_string_equal(vhc_reason_text((enum vhc_reason) -1),
                        "unknown reason");
    for (int i = 0; i < VHC_N_REASONS; i++) {
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(vhc_reason_text(i), vhc_reason_text(j));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_none),
        cmocka_unit_test(test_read_reserved),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_name_bytes),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_publish),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
