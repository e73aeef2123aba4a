/* The least that relaying calls can spend: for each piece one SSL_read of what GetMedia brings and one SSL_write of a
   masked WebSocket frame with as much audio, a byte for a sample. Nothing is parsed, stored or sent again; results are read and dropped.
   relay SERVICES-PORT SPEECH-PORT CALLS blocks|fragments */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { BLOCK = 1024, FRAGMENT = 16384, MESSAGE = 4000 };

typedef struct {
  SSL *media, *speech;
  int number, received;
} Call;

static SSL_CTX *context;
static unsigned mask = 12345;

static SSL *open_tls(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  if (connect(s, (void *)&to, sizeof to)) exit(2);
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  SSL *tls = SSL_new(context);
  SSL_set_fd(tls, s);
  SSL_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
  if (SSL_connect(tls) != 1) exit(3);
  return tls;
}

static void send_audio(Call *call, int size) {
  static unsigned char frame[MESSAGE + 8];
  frame[0] = 0x82, frame[1] = 0x80 | 126, frame[2] = size >> 8, frame[3] = size;
  mask = mask * 1664525 + 1013904223;
  memcpy(frame + 4, &mask, 4);
  unsigned sample = (0xFEu - call->number / 120) | (0xFEu - call->number % 120) << 8; /* `number_of` in traffic.py */
  unsigned masked = (sample | sample << 16) ^ mask;
  for (int at = 0; at < size; at += 4) memcpy(frame + 8 + at, &masked, 4);
  if (SSL_write(call->speech, frame, size + 8) <= 0) exit(4);
}

int main(int count, char **given) {
  if (count != 5) return 1;
  int media_port = atoi(given[1]), speech_port = atoi(given[2]), calls = atoi(given[3]), blocks = given[4][0] == 'b';
  context = SSL_CTX_new(TLS_client_method());
  int events = epoll_create1(0);
  Call *all = calloc(calls, sizeof(Call));
  static unsigned char data[1 << 18];
  for (int i = 0; i < calls; i++) {
    Call *call = &all[i];
    call->number = i + 1, call->speech = open_tls(speech_port), call->media = open_tls(media_port);
    const char *upgrade = "GET /v1/listen?encoding=mulaw HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    SSL_write(call->speech, upgrade, strlen(upgrade));
    SSL_read(call->speech, data, sizeof data);
    char body[200], request[600];
    sprintf(body, "{\"StreamARN\": \"arn:aws:kinesisvideo:us-east-1:000000000000:stream/%d/1\"}", call->number);
    sprintf(request, "POST /getMedia HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    SSL_write(call->media, request, strlen(request));
    for (int k = 0; k < 2; k++) {
      int fd = SSL_get_fd(k ? call->speech : call->media);
      fcntl(fd, F_SETFL, O_NONBLOCK);
      struct epoll_event event = {.events = EPOLLIN, .data.u64 = (unsigned long)i * 2 + k};
      epoll_ctl(events, EPOLL_CTL_ADD, fd, &event);
    }
  }
  for (;;) {
    struct epoll_event ready[64];
    int many = epoll_wait(events, ready, 64, -1);
    for (int j = 0; j < many; j++) {
      Call *call = &all[ready[j].data.u64 / 2];
      int is_speech = ready[j].data.u64 & 1, got = 0, size;
      SSL *tls = is_speech ? call->speech : call->media;
      while ((size = SSL_read(tls, data, sizeof data)) > 0) got += size;
      if (SSL_get_error(tls, size) != SSL_ERROR_WANT_READ) exit(5);
      if (is_speech) continue;
      call->received += got;
      if (blocks) {
        if (got > 1000) send_audio(call, BLOCK); /* the head of the answer is shorter */
      } else if (call->received > 30000) {
        call->received = 0;
        for (int left = FRAGMENT; left > 0; left -= MESSAGE) send_audio(call, left > MESSAGE ? MESSAGE : left);
      }
    }
  }
}
