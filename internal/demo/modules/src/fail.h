/* fail.h: one way to end on an error.
 *
 * Every module ends with one of these exit codes, and with a single line "module: reason" on standard error.
 */
#ifndef DROVER_FAIL_H
#define DROVER_FAIL_H

enum {
    EXIT_IO = 1,    /* a file cannot be opened, read or written; memory ran out */
    EXIT_INPUT = 2, /* the content of an input is not what the contract says */
    EXIT_USAGE = 64 /* wrong arguments (EX_USAGE of sysexits.h) */
};

/* Each program defines its own name, the prefix of its messages. */
extern const char program_name[];

/* fail prints "program_name: message" and exits with the given code. */
_Noreturn void fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* note prints the same line and goes on. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
