package bus

import (
	"crypto/subtle"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Grant is what a connection may do. The zero Grant may do nothing.
type Grant struct {
	node string
	cell string
	all  bool
}

// Authenticator says what the bearer of these credentials may do; false refuses
// the connection. It is called from many goroutines and must not block for long.
type Authenticator func(user, password string) (Grant, bool)

// ServerGrant allows everything: for servers of the same cell.
func ServerGrant() Grant { return Grant{all: true} }

// NodeGrant allows what a node needs, for the node of this name only. A name
// outside [a-z0-9-]{1,63} gives a Grant that is refused.
func NodeGrant(node string) Grant { return Grant{node: node} }

// Subjects of a node. AgentSubject is where it speaks, NodeSubject where it is spoken to.
func AgentSubject(node, what string) string { return "drover.agent." + node + "." + what }

// NodeSubject is where the server speaks to a node.
func NodeSubject(node, what string) string { return "drover.node." + node + "." + what }

// AgentInbox is the only inbox prefix that a node may listen on.
func AgentInbox(node string) string { return "_INBOX." + node }

// serverInbox has a character that no node name has, so no node can be named
// such that its inbox is ours.
const serverInbox = "_INBOX.SERVER"

// ValidNode tells whether a name can stand in a subject: 1 to 63 of a-z, 0-9, '-'.
// Anything else could inject a wildcard or a token of another node.
func ValidNode(name string) bool {
	bad := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return name != "" && len(name) <= 63 && !strings.ContainsFunc(name, bad)
}

// permissions returns nil, true for whole access, and false for a Grant that grants nothing.
func (g Grant) permissions() (*server.Permissions, bool) {
	if g.all {
		return nil, g.node == "" && g.cell == ""
	}
	if g.node == "" && ValidNode(g.cell) {
		return cellPermissions(g.cell), true
	}
	if !ValidNode(g.node) {
		return nil, false
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{AgentSubject(g.node, ">")}},
		Subscribe: &server.SubjectPermission{Allow: []string{NodeSubject(g.node, ">"), AgentInbox(g.node) + ".>"}},
		// A node answers requests that reached it; only the server can send those.
		Response: &server.ResponsePermission{MaxMsgs: 64, Expires: time.Minute},
	}, true
}

// selfUser is the name of this process's own connections.
const selfUser = "self"

// gate is asked by the embedded server about each connection.
type gate struct {
	secret string
	ask    Authenticator
}

// Check implements server.Authentication.
func (g gate) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	grant, ok := g.decide(o.Username, o.Password)
	if !ok || (grant.cell != "") != (c.Kind() == server.LEAF) { // each through its own door
		return false
	}
	perms, ok := grant.permissions()
	if !ok {
		return false
	}
	c.RegisterUser(&server.User{Username: o.Username, Permissions: perms})
	return true
}

func (g gate) decide(user, password string) (Grant, bool) {
	if user == selfUser {
		ok := subtle.ConstantTimeCompare([]byte(password), []byte(g.secret)) == 1
		return ServerGrant(), ok
	}
	if g.ask == nil {
		return Grant{}, false
	}
	return g.ask(user, password)
}

// MayAnswer tells whether a node's request asks for its answer in the node's own
// inbox. NATS does not check the reply subject of a message against its sender's
// permissions, so a node could name another node's subject there, and have the
// server publish to it.
func MayAnswer(m *nats.Msg) bool {
	node, ok := Sender(m)
	return ok && strings.HasPrefix(m.Reply, AgentInbox(node)+".")
}

// Sender is the node that sent a message on an agent subject; permissions make it
// trustworthy. False for any other subject.
func Sender(m *nats.Msg) (node string, ok bool) {
	rest, ok := strings.CutPrefix(m.Subject, "drover.agent.")
	if !ok {
		return "", false
	}
	node, _, ok = strings.Cut(rest, ".")
	return node, ok && ValidNode(node)
}
