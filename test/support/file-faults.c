/*
 * Preloaded (LD_PRELOAD), it lets reads and writes of files fail whose path has FAULT_PATH in it: of the calls that
 * FAULT_CALL names the one with the number FAULT_AT, or each for 0, with the errno FAULT_ERROR; for -1 the call does
 * half of its work. Each such call is a line of FAULT_LOG. No headers: only a compiler is needed.
 */
typedef long ssize_t_;
extern void *dlsym(void *, const char *);
extern int *__errno_location(void);
extern char *getenv(const char *);
extern char *strstr(const char *, const char *);
extern int snprintf(char *, unsigned long, const char *, ...);
extern ssize_t_ readlink(const char *, char *, unsigned long);
extern int open(const char *, int, ...);
extern int close(int);
extern int atoi(const char *);
extern int strcmp(const char *, const char *);
extern unsigned long strlen(const char *);

#define NEXT(name) dlsym((void *)-1L, name)
struct iovec { void *base; unsigned long length; };

static int seen;

/* 0 for a call that is left as it is. */
static int fault(const char *call, int fd) {
  const char *path = getenv("FAULT_PATH"), *wanted = getenv("FAULT_CALL");
  if (!path || !wanted || !strstr(wanted, call)) return 0;
  char link[64], name[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t_ length = readlink(link, name, sizeof name - 1);
  if (length < 0) return 0;
  name[length] = 0;
  if (!strstr(name, path)) return 0;
  int n = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
  int at = atoi(getenv("FAULT_AT"));
  int result = at == 0 || n == at ? atoi(getenv("FAULT_ERROR")) : 0;
  const char *log = getenv("FAULT_LOG");
  if (log) {
    char line[5000];
    int size = snprintf(line, sizeof line, "%s %s %d\n", call, name, result);
    int file = open(log, 02001, 0600);
    ((ssize_t_(*)(int, const void *, unsigned long))NEXT("write"))(file, line, size);
    close(file);
  }
  return result;
}
static unsigned long some(unsigned long length) { return length > 1 ? length / 2 : length; }
#define FAIL(f) if (f > 0) { *__errno_location() = f; return -1; }

ssize_t_ write(int fd, const void *bytes, unsigned long length) {
  int f = fault("write", fd);
  FAIL(f)
  return ((ssize_t_(*)(int, const void *, unsigned long))NEXT("write"))(fd, bytes, f ? some(length) : length);
}
ssize_t_ pwrite64(int fd, const void *bytes, unsigned long length, long at) {
  int f = fault("pwrite64", fd);
  FAIL(f)
  return ((ssize_t_(*)(int, const void *, unsigned long, long))NEXT("pwrite64"))(fd, bytes, f ? some(length) : length, at);
}
ssize_t_ pwrite(int fd, const void *bytes, unsigned long length, long at) { return pwrite64(fd, bytes, length, at); }
ssize_t_ writev(int fd, const struct iovec *parts, int count) {
  int f = fault("writev", fd);
  FAIL(f)
  if (f) return ((ssize_t_(*)(int, const void *, unsigned long))NEXT("write"))(fd, parts[0].base, some(parts[0].length));
  return ((ssize_t_(*)(int, const struct iovec *, int))NEXT("writev"))(fd, parts, count);
}
ssize_t_ read(int fd, void *bytes, unsigned long length) {
  int f = fault("read", fd);
  FAIL(f)
  return ((ssize_t_(*)(int, void *, unsigned long))NEXT("read"))(fd, bytes, f ? some(length) : length);
}
ssize_t_ pread64(int fd, void *bytes, unsigned long length, long at) {
  int f = fault("pread64", fd);
  FAIL(f)
  return ((ssize_t_(*)(int, void *, unsigned long, long))NEXT("pread64"))(fd, bytes, f ? some(length) : length, at);
}
ssize_t_ pread(int fd, void *bytes, unsigned long length, long at) { return pread64(fd, bytes, length, at); }
