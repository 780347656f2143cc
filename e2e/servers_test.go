//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/live"
)

// natsEnv makes this test's own program a NATS server as its value says.
const natsEnv = "E2E_NATS"

// natsNode is a NATS server with JetStream that syncs each record, alone or one
// of a cluster.
type natsNode struct {
	Name, Host, Dir, Mark string
	Port, Route           int
	Routes                []int // of all nodes of the cluster
}

func init() {
	if text := os.Getenv(natsEnv); text != "" {
		if err := serveNATS(text); err != nil {
			os.Exit(cannot("serve NATS", err))
		}
		select {}
	}
}

// serveNATS runs until the process is killed.
func serveNATS(text string) error {
	var n natsNode
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		return err
	}
	o := &natsserver.Options{
		ServerName: n.Name, Host: n.Host, Port: n.Port, JetStream: true, StoreDir: n.Dir, SyncAlways: true,
		NoSigs: true, DisableJetStreamBanner: true, MaxPayload: 1 << 20, LogFile: n.Dir + ".log",
	}
	if len(n.Routes) > 0 {
		o.Cluster = natsserver.ClusterOpts{Name: "e2e", Host: n.Host, Port: n.Route, NoAdvertise: true}
		var routes []string
		for _, port := range n.Routes {
			routes = append(routes, fmt.Sprintf("nats://%s:%d", n.Host, port))
		}
		o.Routes = natsserver.RoutesFromStr(strings.Join(routes, ","))
	}
	s, err := natsserver.NewServer(o)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	go s.Start()
	if !s.ReadyForConnections(startTimeout) {
		return fmt.Errorf("%s is not ready in time", n.Name)
	}
	return os.WriteFile(n.Mark, []byte(s.ClientURL()), 0o600)
}

// Several is a cell of several servers, each with a data directory of its own,
// that share a NATS server or cluster. Each server's link to it is a wire.
type Several struct {
	*Cluster // its URL lists all servers
	host     string
	nats     []*Process
	bus      string // URL of NATS, past the wires
	flags    []string
	servers  []*Server
}

// Server is one of them.
type Server struct {
	*Process
	name, url, dir string
	wires          []*wire // to each NATS server
	cl             *client.Client
}

// newSeveral starts so many NATS servers; none of Drover's yet.
func newSeveral(t testing.TB, buses int, flags ...string) *Several {
	t.Helper()
	c := newCluster(t, t.TempDir())
	s := &Several{Cluster: c, host: strings.TrimSuffix(c.address(7420), ":7420"), flags: flags}
	c.URL = ""
	if err := os.WriteFile(s.secret(), []byte(cellSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var urls []string
	for i := range buses {
		s.nats = append(s.nats, s.natsProcess(i, buses))
		urls = append(urls, fmt.Sprintf("nats://%s:%d", s.host, 4222+i))
	}
	s.bus = strings.Join(urls, ",")
	c.others = append(c.others, s.nats...)
	for _, p := range s.nats {
		p.Start()
	}
	for _, p := range s.nats {
		p.Ready()
	}
	s.awaitJetStream()
	return s
}

const cellSecret = "what the servers of this cell share"

func (s *Several) secret() string { return filepath.Join(s.Dir, "cell.secret") }

// natsProcess is the test's own program as a NATS server.
func (s *Several) natsProcess(i, of int) *Process {
	name := fmt.Sprint("nats-", i)
	n := natsNode{Name: name, Host: s.host, Dir: filepath.Join(s.Dir, name), Port: 4222 + i, Route: 6222 + i}
	n.Mark = filepath.Join(s.Dir, name+".ready")
	for j := range of {
		if of > 1 {
			n.Routes = append(n.Routes, 6222+j)
		}
	}
	text, err := json.Marshal(n)
	self, err2 := os.Executable()
	if err != nil || err2 != nil {
		s.t.Fatal(err, err2)
	}
	return &Process{
		t: s.t, name: name, args: []string{self, n.Dir}, env: []string{natsEnv + "=" + string(text)},
		log: filepath.Join(s.Dir, name+".out"), mark: n.Mark,
	}
}

// dial connects this test to NATS.
func (s *Several) dial() *nats.Conn {
	s.t.Helper()
	nc, err := nats.Connect(s.bus, nats.MaxReconnects(-1))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	return nc
}

// awaitJetStream waits until the NATS servers keep streams, all of them.
func (s *Several) awaitJetStream() {
	s.t.Helper()
	nc := s.dial()
	js, err := nc.JetStream(nats.MaxWait(2 * time.Second))
	if err != nil {
		s.t.Fatal(err)
	}
	const trial = "TRIAL"
	Await(s.t, startTimeout, "JetStream works", func() (bool, string) {
		_, err := js.AddStream(&nats.StreamConfig{Name: trial, Replicas: len(s.nats)})
		if err == nil {
			err = js.DeleteStream(trial)
		}
		return err == nil, fmt.Sprint(err)
	})
}

// server adds one and starts it with a program; it waits until it leads or follows.
func (s *Several) server(name, binary string) *Server {
	s.t.Helper()
	i := len(s.servers)
	v := &Server{name: name, url: fmt.Sprintf("http://%s:%d", s.host, 7420+i), dir: filepath.Join(s.Dir, name)}
	var links []string
	for j := range s.nats {
		at := net.JoinHostPort(s.host, strconv.Itoa(7500+10*i+j))
		v.wires = append(v.wires, newWire(s.t, at, net.JoinHostPort(s.host, strconv.Itoa(4222+j))))
		links = append(links, "nats://"+at)
	}
	v.Process = s.process(name, append([]string{
		"server", "--data", v.dir, "--name", name, "--http", strings.TrimPrefix(v.url, "http://"),
		"--nats", strings.Join(links, ","), "--cell-secret-file", s.secret(), "--advertise-bus", s.bus, "--agent-user", "agents",
		"--replicas", strconv.Itoa(len(s.nats)),
	}, s.flags...)...)
	v.args[0] = binary
	s.servers, s.others = append(s.servers, v), append(s.others, v.Process)
	if s.URL != "" {
		s.URL += ","
	}
	s.URL += v.url
	v.Restart()
	var err error
	if v.cl, err = client.New(client.Config{Server: v.url, Token: s.Token(), Timeout: time.Second, FailFast: true}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(v.cl.Close)
	return v
}

// Token is an administrator's, the same at each server.
func (s *Several) Token() string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.servers[0].dir, live.AdminTokenFile))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// Client knows all servers, and begins with one of them.
func (s *Several) Client(first int) *client.Client {
	s.t.Helper()
	all := strings.Split(s.URL, ",")
	first %= len(all)
	cl, err := client.New(client.Config{Server: strings.Join(append(all[first:], all[:first]...), ","), Token: s.Token(), Timeout: time.Minute})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(cl.Close)
	return cl
}

// Agent is like a Cluster's; it knows all servers.
func (s *Several) Agent(name string, flags ...string) *Process {
	s.t.Helper()
	return s.agent(name, program, flags...)
}

// agent is Agent with a program.
func (s *Several) agent(name, binary string, flags ...string) *Process {
	s.t.Helper()
	p := s.process("agent-"+name, append([]string{
		"agent", "--server", s.URL, "--join-token-file", filepath.Join(s.servers[0].dir, live.JoinTokenFile),
		"--data", s.AgentDir(name), "--name", name,
	}, flags...)...)
	p.args[0] = binary
	s.agents = append(s.agents, p)
	p.Restart()
	return p
}

// status asks one server what it is; it is zero when the server does not answer.
func (v *Server) status() api.CellStatus {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	st, err := v.cl.Status(ctx)
	if err != nil {
		return api.CellStatus{}
	}
	return st
}

// leader waits until one of some servers leads an epoch after the given one.
func (s *Several) leader(after uint64, of ...*Server) (v *Server, epoch uint64) {
	s.t.Helper()
	Await(s.t, startTimeout, "a server leads", func() (bool, string) {
		var stands []string
		for _, one := range of {
			st := one.status()
			if st.Role == api.RoleLeader && st.Epoch > after {
				v, epoch = one, st.Epoch
				return true, ""
			}
			stands = append(stands, fmt.Sprintf("%s is %q in epoch %d", one.name, st.Role, st.Epoch))
		}
		return false, strings.Join(stands, ", ")
	})
	return v, epoch
}

// becomes waits until a server is what it should be.
func (s *Several) becomes(v *Server, role string) time.Duration {
	s.t.Helper()
	began := time.Now()
	Await(s.t, startTimeout, v.name+" becomes "+role, func() (bool, string) {
		st := v.status()
		return st.Role == role, fmt.Sprintf("%q in epoch %d", st.Role, st.Epoch)
	})
	return time.Since(began)
}

// others are all servers but one.
func (s *Several) without(v *Server) (list []*Server) {
	for _, one := range s.servers {
		if one != v {
			list = append(list, one)
		}
	}
	return list
}

// metric reads one sample of a server.
func (s *Several) metric(v *Server, name string) (value float64) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(Within(s.t, 10*time.Second), http.MethodGet, v.url+"/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Token())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	_, line, found := strings.Cut(string(text), "\n"+name+" ")
	line, _, _ = strings.Cut(line, "\n")
	if value, err2 := strconv.ParseFloat(line, 64); found && err == nil && err2 == nil {
		return value
	}
	s.t.Fatalf("%s has no metric %s (%v)", v.name, name, err)
	return 0
}

// Stop ends agents, then the servers, then NATS, as an operator would.
func (s *Several) Stop() {
	s.t.Helper()
	for _, p := range s.agents {
		p.Terminate()
	}
	for _, v := range s.servers {
		v.Terminate()
	}
}
