/* gate.wasm: a task that ends when a test lets it.
 *
 * Arguments   the path of a file
 * Writes      standard output: "waiting", and "open" when the file is there
 * Exit        0; 1 standard output cannot be written; 64 a wrong argument
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const struct timespec pause = {0, 20 * 1000 * 1000};
    if (argc != 2) return 64;
    puts("waiting");
    if (fflush(stdout)) return 1;
    while (access(argv[1], F_OK)) nanosleep(&pause, 0);
    puts("open");
    return 0;
}
