/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "command.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

bool
command_look(void)
{
    struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };

    return poll(&pfd, 1, 0) > 0;
}

/* Byte by byte: a line is short and rare, and nothing may be left in a buffer
 * that command_look() does not see. */
bool
command_read(char *line, size_t size)
{
    size_t len = 0;
    char c;

    while (read(STDIN_FILENO, &c, 1) == 1) {
        if (c == '\n') {
            line[len] = '\0';
            return true;
        }
        if (len + 1 < size) {
            line[len++] = c;
        }
    }
    return false;
}
