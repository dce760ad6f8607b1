/* WebSockets as a browser speaks them, for load.c: a handshake, frames to the server, frames from it (RFC 6455). */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum opcode { TEXT = 1, PING = 9, PONG = 10 };

static const char HANDSHAKE[] = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                "Origin: http://127.0.0.1:%d\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
static const char ACCEPTED[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; /* what belongs to that key: section 1.3 */

/* The size of a server's answer to the handshake: 0 if it has not all come, -1 if it is not what it should be. */
static long handshake_size(const char *data, const char *end)
{
    const char *blank = memmem(data, end - data, "\r\n\r\n", 4);
    if (!blank)
        return 0;
    int accepted = !memcmp(data, "HTTP/1.1 101", 12) && memmem(data, blank - data, ACCEPTED, strlen(ACCEPTED));
    return accepted ? blank + 4 - data : -1;
}

/* Write a message as a frame to the server: whole, and masked as it must be. At most 64 KB; returns its size. */
static size_t masked_frame(char *out, enum opcode opcode, const char *text, size_t size)
{
    static const char mask[4] = {0x37, (char)0xfa, 0x21, 0x3d};
    size_t head = 2;
    out[0] = (char)(0x80 | opcode);
    out[1] = (char)(0x80 | (size < 126 ? size : 126));
    if (size >= 126) {
        out[head++] = (char)(size >> 8);
        out[head++] = (char)size;
    }
    memcpy(out + head, mask, sizeof mask);
    head += sizeof mask;
    for (size_t i = 0; i < size; i++)
        out[head + i] = text[i] ^ mask[i % 4];
    return head + size;
}

/* Find the text of a frame from the server, which is whole and not masked. Returns where the frame ends, or nothing if it
 * has not all come. */
static const char *open_frame(const char *frame, const char *end, const char **text)
{
    const unsigned char *head = (const unsigned char *)frame;
    if (end - frame < 2)
        return NULL;
    uint64_t size = head[1];
    *text = frame + 2;
    if (size >= 126) {
        int digits = size == 126 ? 2 : 8;
        *text += digits;
        if (end < *text)
            return NULL;
        size = 0;
        for (int i = 0; i < digits; i++)
            size = size << 8 | head[2 + i];
    }
    return size <= (uint64_t)(end - *text) ? *text + size : NULL;
}
