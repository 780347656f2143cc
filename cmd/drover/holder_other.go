//go:build !linux

package main

import "net"

// holder is not known here.
func holder(net.Addr) string { return "" }
