// Package cron reads cron expressions and finds the next time that one of them
// names.
//
// An expression has five fields: minute, hour, day of month, month, day of week;
// or six, with the second first. A field is *, a number, a range a-b, any of
// these with a step /n, or a list of them; months and days of the week also have
// names (JAN, MON), and Sunday is 0 or 7. As in Vixie cron, when both days are
// restricted (neither begins with *), a day that matches either will do.
// Shorthands are @hourly, @daily (@midnight), @weekly, @monthly, @yearly
// (@annually).
//
// Local times and clock changes: a local time that the clock skips stands for
// the first instant after the gap; one that it shows twice stands for the first
// of the two. Expressions that run in every hour follow the clock itself: they
// go on through both passes of a doubled hour, and skip what is skipped.
//
// Everything here is a pure function of its arguments. Zones come from a copy
// of the IANA database inside the binary, never from the machine, so that every
// machine finds the same next time.
package cron
