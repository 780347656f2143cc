// Package manifest reads workloads and sites from YAML and JSON, and writes
// YAML.
//
// Reading is strict: an unknown field, a value of another type and a field given
// twice are faults. All faults of all documents are reported at once, each with
// its path and its place in the text. Input may be hostile: its size, its depth
// and what aliases make of it are bounded.
package manifest
