package signal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// careful is a client that goes where a feed says and nowhere else: not to another host
// or from https to http, with the key in a header, and not to addresses that only this
// machine can mean. Requests are an hour apart, so that connections are not kept.
func careful() *http.Client {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dial, DisableKeepAlives: true, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{Transport: t, CheckRedirect: sameSource}
}

func sameSource(req *http.Request, via []*http.Request) error {
	if first := via[0].URL; len(via) > 3 || req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		return errors.New("it sends elsewhere")
	}
	return nil
}

// dial refuses addresses that a name must not lead to: whoever answers for the name of a
// source could have this server ask its own machine, or the metadata service of a cloud,
// and read what it says in the feed's error. A feed that names the loopback means it.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	_, err = netip.ParseAddr(host)
	named := err != nil && host != "localhost"
	d := net.Dialer{Timeout: 10 * time.Second, ControlContext: func(_ context.Context, _, to string, _ syscall.RawConn) error {
		return reachable(to, named)
	}}
	return d.DialContext(ctx, network, address)
}

// metadata are addresses of clouds' metadata services that are not link-local.
var metadata = map[netip.Addr]bool{
	netip.MustParseAddr("fd00:ec2::254"):   true, // AWS
	netip.MustParseAddr("100.100.100.200"): true, // Alibaba
}

// reachable tells why an address may not be asked; named is one that a name led to.
func reachable(to string, named bool) error {
	at, err := netip.ParseAddrPort(to)
	if err != nil {
		return err
	}
	switch ip := at.Addr().Unmap().WithZone(""); {
	case ip.IsLinkLocalUnicast() || ip.IsMulticast() || metadata[ip]:
		return fmt.Errorf("%s is no address of a source", ip)
	case named && (ip.IsLoopback() || ip.IsUnspecified()):
		return fmt.Errorf("its name leads to this machine (%s): write the address itself if that is meant", ip)
	}
	return nil
}
