package live

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/live/httpapi"
)

// The files of a data directory that hold secrets, each readable by its owner
// alone. An operator may replace a token's file and restart.
const (
	AdminTokenFile = "admin.token" // opens everything
	JoinTokenFile  = "join.token"  // lets nodes join
	secretFile     = "secret"      // makes the nodes' credentials
)

// credentials are what callers are told apart by. A node's password and token
// are derived from the secret and its name, so nothing need be kept for a node,
// and a restart does not shut any out.
type credentials struct {
	admin, join [32]byte // hashes of the tokens
	secret      []byte
}

// ErrSecret says that a cell was made with another secret.
var ErrSecret = errors.New("the cell was made with another secret: give all its servers the same --cell-secret-file, " +
	"or replace the secret with --new-cell-secret, after which all nodes must join again")

// openCredentials reads the secrets of a data directory, making those that are
// missing. With a secret that servers share, the tokens follow from it.
func openCredentials(dir, shared string) (*credentials, error) {
	var c credentials
	if shared != "" {
		c.secret = []byte(shared)
		admin, join := c.of(AdminTokenFile, ""), c.of(JoinTokenFile, "")
		c.admin, c.join = sha256.Sum256([]byte(admin)), sha256.Sum256([]byte(join))
		err := errors.Join(writeSecret(filepath.Join(dir, AdminTokenFile), admin), writeSecret(filepath.Join(dir, JoinTokenFile), join))
		if err != nil {
			return nil, fmt.Errorf("open the credentials: %w", err)
		}
		return &c, nil
	}
	for _, f := range []struct {
		name string
		use  func(string)
	}{
		{AdminTokenFile, func(s string) { c.admin = sha256.Sum256([]byte(s)) }},
		{JoinTokenFile, func(s string) { c.join = sha256.Sum256([]byte(s)) }},
		{secretFile, func(s string) { c.secret = []byte(s) }},
	} {
		s, err := readSecret(filepath.Join(dir, f.name))
		if err != nil {
			return nil, fmt.Errorf("open the credentials: %w", err)
		}
		f.use(s)
	}
	return &c, nil
}

// minSecret is the shortest secret that is accepted, in characters.
const minSecret = 16

func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSecret(path)
	}
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others (mode %v): make it 0600, and replace it if they may have seen it", path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	s := strings.TrimSpace(string(b))
	if len(s) < minSecret {
		return "", fmt.Errorf("%s holds %d characters, at least %d are needed: delete it and a new one is made", path, len(s), minSecret)
	}
	return s, nil
}

// makeSecret writes a new one.
func makeSecret(path string) (string, error) {
	s := rand.Text() + rand.Text()
	return s, writeSecret(path, s)
}

// writeSecret writes one, whole or not at all.
func writeSecret(path, s string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone after the rename
	_, err = f.WriteString(s + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// fingerprint tells whether two servers have the same secret, and nothing else.
func (c *credentials) fingerprint() string { return c.of(forServers, "") }

// of derives a node's secret for one purpose.
func (c *credentials) of(purpose, node string) string {
	h := hmac.New(sha256.New, c.secret)
	h.Write([]byte(purpose + "\x00" + node))
	return hex.EncodeToString(h.Sum(nil))
}

// seal proves to other servers of the cell where a message comes from, and that
// it is meant for this subject. It hides nothing.
func (c *credentials) seal(subject string, body []byte) []byte {
	h := hmac.New(sha256.New, c.secret)
	h.Write([]byte(forServers + "\x00" + subject + "\x00"))
	h.Write(body)
	return append(h.Sum(make([]byte, 0, sha256.Size+len(body))), body...)
}

// unseal gives the body of a message that a server of the cell sealed for this
// subject.
func (c *credentials) unseal(subject string, sealed []byte) ([]byte, bool) {
	if len(sealed) < sha256.Size {
		return nil, false
	}
	body := sealed[sha256.Size:]
	return body, hmac.Equal(c.seal(subject, body)[:sha256.Size], sealed[:sha256.Size])
}

const (
	forServers   = "servers"
	forBus       = "bus"
	forArtifacts = "artifacts"
	nodeToken    = "node." // then the name, a dot and the secret
)

// bus is the embedded server's Authenticator: a node's user is its name.
func (c *credentials) bus(user, password string) (bus.Grant, bool) {
	switch {
	case !bus.ValidNode(user):
		return bus.Grant{}, false
	case same(password, c.of(forBus, user)):
		return bus.NodeGrant(user), true
	case same(password, c.of(forLeaf, user)):
		return bus.CellGrant(user), true
	}
	return bus.Grant{}, false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Authorize implements httpapi.Cell. Tokens are compared by their hashes, so
// that neither their bytes nor their length show in the time it takes.
func (c *Cell) Authorize(token string) (httpapi.Principal, bool) {
	sum := sha256.Sum256([]byte(token))
	admin := subtle.ConstantTimeCompare(sum[:], c.creds.admin[:])
	join := subtle.ConstantTimeCompare(sum[:], c.creds.join[:])
	rest, _ := strings.CutPrefix(token, nodeToken)
	node, secret, _ := strings.Cut(rest, ".")
	want := sha256.Sum256([]byte(c.creds.of(forArtifacts, node)))
	got := sha256.Sum256([]byte(secret))
	isNode := subtle.ConstantTimeCompare(want[:], got[:])
	switch {
	case admin == 1:
		return httpapi.Principal{Name: "admin", Admin: true}, true
	case join == 1:
		return httpapi.Principal{Name: "join", Join: true}, true
	case isNode == 1 && bus.ValidNode(node) && strings.HasPrefix(token, nodeToken):
		return httpapi.Principal{Name: "node " + node, Node: node}, true
	}
	if cell := c.creds.cellOf(token); cell != "" {
		return httpapi.Principal{Name: "cell " + cell, Cell: cell}, true
	}
	return httpapi.Principal{}, false
}

// Join implements httpapi.Cell. The join token alone must not make anybody a node
// that is there already: whoever takes a registered name shows the node's token.
func (c *Cell) Join(ctx context.Context, req api.JoinRequest) (api.JoinReply, error) {
	if !bus.ValidNode(req.Node) {
		return api.JoinReply{}, fmt.Errorf("join: %q is not a node name: use a-z, 0-9 and '-', at most 63 of them", req.Node)
	}
	if req.Cell {
		return c.joinCell(ctx, req)
	}
	if who, _ := c.Authorize(req.Token); who.Node != req.Node && c.shadow.registered(req.Node) {
		return api.JoinReply{}, fmt.Errorf("join: %w: %s: remove the node first, or start its agent with its own data directory, where its token is", httpapi.ErrNameTaken, req.Node)
	}
	out := api.JoinReply{
		NATS: c.busURL(), User: req.Node, Password: c.creds.of(forBus, req.Node),
		Token: nodeToken + req.Node + "." + c.creds.of(forArtifacts, req.Node), Cell: c.cfg.Cell,
	}
	if c.bus == nil {
		out.User, out.Password = c.cfg.AgentUser, c.cfg.AgentPassword
	}
	if out.NATS == "" {
		return api.JoinReply{}, errors.New("join: this server listens to no agents: start it with an address for the bus")
	}
	return out, nil
}

// busURL is where agents connect.
func (c *Cell) busURL() string {
	switch {
	case c.cfg.AdvertiseBus != "":
		return c.cfg.AdvertiseBus
	case c.bus != nil:
		return c.bus.URL()
	}
	return c.cfg.NATS
}
