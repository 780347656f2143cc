/* hello.wasm: the smallest task that shows what a task sees.
 *
 * Arguments   any; they are printed
 * Writes      standard output: a greeting, the arguments, and the environment variables that begin with DROVER_
 * Exit        0; 1 standard output cannot be written
 */
#include <stdio.h>
#include <string.h>

extern char **environ;

int main(int argc, char **argv) {
    puts("Hello from a WebAssembly task.");
    for (int i = 1; i < argc; i++) printf("argument %d: %s\n", i, argv[i]);
    for (char **e = environ; *e; e++) {
        if (strncmp(*e, "DROVER_", 7) == 0) puts(*e);
    }
    if (fflush(stdout) != 0) {
        fputs("hello: standard output cannot be written\n", stderr);
        return 1;
    }
    return 0;
}
