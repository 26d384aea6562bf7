/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* What the soak test believes: that traffic.c finds every packet that did not
 * arrive as it was sent. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "traffic.h"

#define N_STREAMS 2
#define N 200                   /* Packets. */

struct sent {
    struct traffic_stream streams[N_STREAMS];
    struct {
        uint8_t frame[TRAFFIC_MAX + 1];
        size_t len;
    } packets[N];
};

/* 'N' packets of stream 1, none of which has arrived. */
static struct sent *
send_all(void)
{
    static struct sent sent;

    memset(&sent, 0, sizeof sent);
    sent.streams[1].window = N;
    for (int i = 0; i < N; i++) {
        assert_int_equal(traffic_room(&sent.streams[1]), N - i);
        sent.packets[i].len = traffic_next_len(&sent.streams[1], 1);
        traffic_make(&sent.streams[1], 1, sent.packets[i].frame);
    }
    assert_int_equal(traffic_room(&sent.streams[1]), 0);
    return &sent;
}

static enum traffic_verdict
take(struct sent *sent, int i)
{
    return traffic_take(sent->streams, N_STREAMS, sent->packets[i].frame,
                        sent->packets[i].len);
}

static void
check_counts(const struct traffic_stream *stream, uint64_t received,
             uint64_t reordered, uint64_t duplicated, uint64_t lost)
{
    assert_int_equal(stream->received, received);
    assert_int_equal(stream->reordered, reordered);
    assert_int_equal(stream->duplicated, duplicated);
    assert_int_equal(stream->lost, lost);
    assert_int_equal(traffic_under_way(stream), N - received - lost);
}

static void
test_all_arrive(void **state)
{
    struct sent *sent = send_all();

    (void) state;
    for (int i = 0; i < N; i++) {
        assert_int_equal(take(sent, i), TRAFFIC_GOOD);
        assert_int_equal(traffic_room(&sent->streams[1]), i + 1);
    }
    traffic_give_up(&sent->streams[1]);
    check_counts(&sent->streams[1], N, 0, 0, 0);
}

static void
test_every_length(void **state)
{
    uint8_t seen[TRAFFIC_MAX + 1] = { 0 };

    (void) state;
    for (uint64_t i = 0; i < 40000; i++) {
        size_t len = traffic_len(0, i);

        assert_in_range(len, TRAFFIC_MIN, TRAFFIC_MAX);
        seen[len] = 1;
    }
    for (size_t len = TRAFFIC_MIN; len <= TRAFFIC_MAX; len++) {
        assert_true(seen[len]);
    }
}

/* Every bit of some packets, and the last byte cut off or one added. */
static void
test_corrupted(void **state)
{
    struct sent *sent = send_all();

    (void) state;
    for (int i = 0; i < N; i += 50) {
        uint8_t *frame = sent->packets[i].frame;

        for (size_t bit = 0; bit < sent->packets[i].len * 8; bit++) {
            frame[bit / 8] ^= 1 << bit % 8;
            assert_int_equal(take(sent, i), TRAFFIC_CORRUPTED);
            frame[bit / 8] ^= 1 << bit % 8;
        }
        sent->packets[i].len--;
        assert_int_equal(take(sent, i), TRAFFIC_CORRUPTED);
        sent->packets[i].len += 2;
        assert_int_equal(take(sent, i), TRAFFIC_CORRUPTED);
        sent->packets[i].len--;
        assert_int_equal(take(sent, i), TRAFFIC_GOOD);
    }
}

/* A word of one packet in another, and the start of that before the rest of
 * this, as a buffer that two packets share would have it. */
static void
test_mixed_up(void **state)
{
    struct sent *sent = send_all();
    int a = 0, b;

    (void) state;
    while (sent->packets[a].len < 80) {
        a++;
    }
    b = a + 1;
    while (sent->packets[b].len < 80) {
        b++;
    }
    memcpy(sent->packets[a].frame + 72, sent->packets[b].frame + 72, 8);
    assert_int_equal(take(sent, a), TRAFFIC_CORRUPTED);
    memcpy(sent->packets[b].frame, sent->packets[a].frame, 72);
    assert_int_equal(take(sent, b), TRAFFIC_CORRUPTED);
}

/* A good packet of a stream, or with a number, that nobody sent. */
static void
test_not_sent(void **state)
{
    struct sent *sent = send_all();
    struct traffic_stream other = { .window = 1 };
    uint8_t frame[TRAFFIC_MAX];
    size_t len = traffic_next_len(&other, 0);

    (void) state;
    traffic_make(&other, 0, frame);
    assert_int_equal(traffic_take(sent->streams, N_STREAMS, frame, len),
                     TRAFFIC_CORRUPTED);
    assert_int_equal(traffic_take(sent->streams, 1, sent->packets[0].frame,
                                  sent->packets[0].len), TRAFFIC_CORRUPTED);
    sent->streams[1].next = 1;
    assert_int_equal(take(sent, 1), TRAFFIC_CORRUPTED);
}

static void
test_reordered(void **state)
{
    struct sent *sent = send_all();

    (void) state;
    for (int i = 0; i < N; i += 2) {
        assert_int_equal(take(sent, i + 1), TRAFFIC_GOOD);
        assert_int_equal(take(sent, i), TRAFFIC_GOOD);
    }
    check_counts(&sent->streams[1], N, N / 2, 0, 0);
}

static void
test_duplicated(void **state)
{
    struct sent *sent = send_all();

    (void) state;
    for (int i = 0; i < N; i++) {
        assert_int_equal(take(sent, i ^ 1), TRAFFIC_GOOD);
        assert_int_equal(take(sent, i ^ 1), TRAFFIC_DUPLICATED);
    }
    assert_int_equal(take(sent, 0), TRAFFIC_DUPLICATED);
    check_counts(&sent->streams[1], N, N / 2, N + 1, 0);
}

static void
test_lost(void **state)
{
    struct sent *sent = send_all();

    (void) state;
    for (int i = 0; i < N; i++) {
        if (i % 10) {
            assert_int_equal(take(sent, i), TRAFFIC_GOOD);
        }
    }
    check_counts(&sent->streams[1], N - N / 10, 0, 0, 0);
    traffic_give_up(&sent->streams[1]);
    check_counts(&sent->streams[1], N - N / 10, 0, 0, N / 10);
    assert_int_equal(traffic_room(&sent->streams[1]), N);

    /* What was given up must not come back. */
    assert_int_equal(take(sent, 10), TRAFFIC_DUPLICATED);
}

/* One packet that is late does not let the window move past what is known. */
static void
test_one_late(void **state)
{
    struct traffic_stream stream = { .window = 8 };
    uint8_t first[TRAFFIC_MAX], frame[TRAFFIC_MAX];
    size_t first_len = traffic_next_len(&stream, 0);
    int n = 1;

    (void) state;
    traffic_make(&stream, 0, first);
    for (; traffic_room(&stream); n++) {
        size_t len = traffic_next_len(&stream, 0);

        traffic_make(&stream, 0, frame);
        assert_int_equal(traffic_take(&stream, 1, frame, len), TRAFFIC_GOOD);
    }
    assert_int_equal(n, TRAFFIC_WINDOW);
    assert_int_equal(traffic_take(&stream, 1, first, first_len),
                     TRAFFIC_GOOD);
    assert_int_equal(traffic_room(&stream), 8);
    assert_int_equal(stream.duplicated, 0);
    assert_int_equal(stream.reordered, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_arrive),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_corrupted),
        cmocka_unit_test(test_mixed_up),
        cmocka_unit_test(test_not_sent),
        cmocka_unit_test(test_reordered),
        cmocka_unit_test(test_duplicated),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_one_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
