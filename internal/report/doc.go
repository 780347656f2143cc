// Package report draws what Drover shows to people: tables, key-value blocks,
// charts and progress on a terminal, and self-contained HTML pages with SVG
// charts. The same tables, bars and spans serve both.
//
// Texts may come from hostile tenants and nodes. Whatever is drawn passes Clean,
// so that no name can move the cursor, colour the screen or reorder a line, and
// everything in HTML is escaped. Pages hold no scripts and load nothing.
package report
