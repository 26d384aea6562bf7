/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "wake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "nf/port.h"

#define RECEIVE_BUFFER 4096     /* Bytes: a frame or two are enough. */
#define MAX_FRAMES 64           /* To take at a time. */
#define TOKEN_OFF 2             /* Bytes behind the Ethernet header. */

int
nfi_wake_filter(int fd, uint64_t token)
{
    uint32_t words[2];          /* As they lie in the frame. */

    memcpy(words, &token, sizeof words);

    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, TOKEN_OFF),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(words[0]), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, TOKEN_OFF + sizeof *words),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(words[1]), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX), /* All of it. */
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog program = {
        .len = sizeof code / sizeof *code,
        .filter = code,
    };

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                      sizeof program) ? errno : 0;
}

/* Makes 'fd' a socket for wake-up frames with 'token'.  It has no protocol and
 * receives nothing before the filter is there. */
static int
prepare(int fd, uint64_t token)
{
    const struct sockaddr_ll any_interface = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(VHC_WAKE_ETHERTYPE),
    };
    const int size = RECEIVE_BUFFER;
    int error = nfi_wake_filter(fd, token);

    if (error) {
        return error;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return bind(fd, (const struct sockaddr *) &any_interface,
                sizeof any_interface) ? errno : 0;
}

void
nfi_wake_open(struct nfi_wake *wake, uint64_t token)
{
    *wake = (struct nfi_wake) { .fd = -1 };
    wake->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                      0);
    wake->error = wake->fd < 0 ? errno : prepare(wake->fd, token);
    if (wake->error) {
        nfi_wake_close(wake);
    }
}

void
nfi_wake_close(struct nfi_wake *wake)
{
    if (wake->fd >= 0) {
        close(wake->fd);
        wake->fd = -1;
    }
}

/* Takes the frames that are there. */
static void
take_frames(struct nfi_wake *wake)
{
    char byte;

    for (int i = 0; i < MAX_FRAMES && recv(wake->fd, &byte, 1, 0) >= 0; i++) {
        wake->works = true;
        wake->n_missed = 0;
    }
}

static int
poll_us(struct pollfd *fds, size_t n, uint64_t us)
{
    struct timespec timeout = {
        .tv_sec = us / 1000000,
        .tv_nsec = us % 1000000 * 1000,
    };

    return ppoll(fds, n, &timeout, NULL);
}

unsigned int
nfi_wake_limit(struct nfi_wake *const wakes[], size_t n, unsigned int us)
{
    for (size_t i = 0; i < n; i++) {
        if (nfi_wake_naps(wakes[i]) && us > NFI_WAKE_NAP_US) {
            us = NFI_WAKE_NAP_US;
        }
    }
    return us;
}

int
nfi_wake_wait(struct nfi_wake *const wakes[], size_t n, unsigned int us)
{
    struct pollfd fds[NF_WAIT_PORTS];
    int n_events;

    for (size_t i = 0; i < n; i++) {
        fds[i] = (struct pollfd) { .fd = wakes[i]->fd, .events = POLLIN };
    }
    n_events = poll_us(fds, n, us);
    if (n_events < 0) {
        return errno;
    }
    for (size_t i = 0; i < n; i++) {
        if (fds[i].revents) {
            take_frames(wakes[i]);
        }
    }
    return n_events ? 0 : ETIMEDOUT;
}

void
nfi_wake_missed(struct nfi_wake *wake, unsigned int us)
{
    if (us > NFI_WAKE_NAP_US && !nfi_wake_naps(wake)) {
        wake->n_missed++;
        wake->works = !nfi_wake_naps(wake) && wake->works;
    }
}
