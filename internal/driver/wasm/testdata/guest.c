/* The guest of the tests: its first argument says what it does. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  return 1;
}

static int copy(const char *from, const char *to) {
  char buf[4096];
  ssize_t n;
  int in = open(from, O_RDONLY), out;
  if (in < 0) return fail(from);
  out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (out < 0) return fail(to);
  while ((n = read(in, buf, sizeof buf)) > 0)
    if (write(out, buf, n) != n) return fail(to);
  return n < 0 || close(out) ? fail(to) : 0;
}

static int show(int argc, char **argv) {
  for (int i = 0; i < argc; i++) printf("arg %s\n", argv[i]);
  for (char **e = environ; *e; e++) printf("env %s\n", *e);
  fprintf(stderr, "err\n");
  return 7;
}

/* alloc takes megabytes one by one, as many as asked for. */
static int alloc(int n) {
  for (int i = 0; i < n; i++) {
    volatile char *p = malloc(1 << 20); /* volatile: or nothing is allocated */
    if (!p) abort();
    for (int at = 0; at < 1 << 20; at += 4096) p[at] = i;
  }
  printf("had %d\n", n);
  return 0;
}

static int list(const char *path) {
  DIR *d = opendir(path);
  struct dirent *e;
  if (!d) return fail(path);
  while ((e = readdir(d))) printf("%s\n", e->d_name);
  return closedir(d);
}

/* churn writes and removes a file again and again: n times a mebibyte. */
static int churn(int n, int keep_open) {
  static char buf[1 << 20];
  for (int i = 0; i < n; i++) {
    int fd = open("/out/churn", O_RDWR | O_CREAT | O_EXCL, 0644);
    if (fd < 0) return fail("open");
    if (write(fd, buf, sizeof buf) != sizeof buf) return fail("write");
    if (unlink("/out/churn")) return fail("unlink");
    if (!keep_open && close(fd)) return fail("close");
  }
  return 0;
}

/* edit walks through what programs do with files. */
static int edit(void) {
  char buf[16] = {0};
  struct stat st;
  FILE *f = fopen("a", "w+");
  if (!f || fputs("hello", f) < 0 || fflush(f)) return fail("write");
  if (fseek(f, 1, SEEK_SET) || fread(buf, 1, 3, f) != 3 || strcmp(buf, "ell")) return fail("read");
  fclose(f);
  f = fopen("/work/a", "a");
  if (!f || fputs(" there", f) < 0 || fclose(f)) return fail("append");
  if (stat("a", &st) || st.st_size != 11) return fail("stat");
  if (mkdir("d", 0755) || rename("a", "d/b")) return fail("rename");
  if (truncate("d/b", 5) || stat("d/b", &st) || st.st_size != 5) return fail("truncate");
  if (link("d/b", "d/c") || symlink("b", "d/l") || readlink("d/l", buf, sizeof buf) != 1) return fail("link");
  if (stat("d/l", &st) || st.st_size != 5) return fail("stat through a link");
  if (lstat("d/l", &st) || !S_ISLNK(st.st_mode)) return fail("lstat");
  if (unlink("d") == 0 || rmdir("d") == 0) return fail("removed a full directory");
  if (list("d")) return 1;
  if (unlink("d/b") || unlink("d/c") || unlink("d/l") || rmdir("d")) return fail("remove");
  return 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  volatile int spin = 1;
  if (!strcmp(what, "show")) return show(argc, argv);
  if (!strcmp(what, "exit")) return atoi(argv[2]);
  if (!strcmp(what, "copy")) return copy(argv[2], argv[3]);
  if (!strcmp(what, "link")) return symlink(argv[2], argv[3]) ? fail("symlink") : 0;
  if (!strcmp(what, "list")) return list(argv[2]);
  if (!strcmp(what, "alloc")) return alloc(atoi(argv[2]));
  if (!strcmp(what, "churn")) return churn(atoi(argv[2]), argc > 3);
  if (!strcmp(what, "edit")) return edit();
  if (!strcmp(what, "trap")) __builtin_trap();
  if (!strcmp(what, "sleep")) {
    puts("sleeping");
    fflush(stdout);
    return sleep(600);
  }
  if (!strcmp(what, "loop")) {
    puts("looping");
    fflush(stdout);
    while (spin) {
    }
  }
  if (!strcmp(what, "lines"))
    for (int i = 0; i < atoi(argv[2]); i++) puts("a line of forty characters, as logs have");
  return 0;
}
