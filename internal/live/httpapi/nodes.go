package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"github.com/danielgtaylor/huma/v2"
)

func (s *Server) nodeRoutes() {
	huma.Register(s.api, s.operation("listNodes", http.MethodGet, "/v1/nodes", "nodes", "List the nodes of the cell"), s.listNodes)
	huma.Register(s.api, s.operation("getNode", http.MethodGet, "/v1/nodes/{node}", "nodes",
		"Show a node", http.StatusNotFound), s.getNode)
	huma.Register(s.api, s.operation("drainNode", http.MethodPost, "/v1/nodes/{node}/drain", "nodes",
		"Move all tasks off a node and place none there, or let it take work again", http.StatusNotFound,
		http.StatusTooManyRequests), s.drainNode)
	huma.Register(s.api, s.operation("powerNode", http.MethodPost, "/v1/nodes/{node}/power", "nodes",
		"Put an idle node to sleep, or wake it", http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests), s.powerNode)
	huma.Register(s.api, s.operation("removeNode", http.MethodDelete, "/v1/nodes/{node}", "nodes",
		"Forget a node that holds no task", http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests), s.removeNode)
	huma.Register(s.api, s.operation("listSites", http.MethodGet, "/v1/sites", "sites", "List the declared sites"), s.listSites)
	huma.Register(s.api, s.operation("putSite", http.MethodPut, "/v1/sites/{site}", "sites",
		"Declare a site and its links, or replace it", http.StatusTooManyRequests), s.putSite)
	s.strategies()
	huma.Register(s.api, s.operation("putSettings", http.MethodPut, "/v1/settings", "cell",
		"Change settings of the cell", http.StatusConflict, http.StatusTooManyRequests), s.putSettings)
}

func (s *Server) listNodes(ctx context.Context, in *Reading) (*answer[api.NodeList], error) {
	out := &answer[api.NodeList]{Body: api.NodeList{Items: []api.NodeView{}}}
	err := s.viewAt(ctx, *in, &out.Stand, func(e *engine.Engine) {
		for _, name := range e.State().SortedNodes() {
			out.Body.Items = append(out.Body.Items, e.ViewNode(e.State().Nodes[name]))
		}
	})
	for i := range out.Body.Items {
		out.Body.Items[i].LastSeen = s.cell.LastSeen(out.Body.Items[i].Name)
	}
	return out, err
}

// ANode names a node.
type ANode struct {
	Node string `path:"node" doc:"The name of a node." maxLength:"63" example:"edge-1"`
}

type getNode struct {
	ANode
	Reading
}

func (s *Server) getNode(ctx context.Context, in *getNode) (*answer[api.NodeView], error) {
	var unknown *problem
	out := new(answer[api.NodeView])
	err := s.viewAt(ctx, in.Reading, &out.Stand, func(e *engine.Engine) {
		n := e.State().Nodes[in.Node]
		if n == nil {
			unknown = missing(api.ProblemNoNode, "the cell has no node %q%s", in.Node, didYouMean(in.Node, nodeNames(e.State())))
			return
		}
		out.Body = e.ViewNode(n)
	})
	if err == nil && unknown != nil {
		return nil, unknown
	}
	out.Body.LastSeen = s.cell.LastSeen(in.Node)
	return out, err
}

type drainNode struct {
	ANode
	Command
	Body *api.DrainRequest
}

func (s *Server) drainNode(ctx context.Context, in *drainNode) (*answer[api.Applied], error) {
	c := &engine.Drain{Caller: caller(ctx, in.Command), Node: in.Node}
	if in.Body != nil {
		c.Off, c.Grace = in.Body.Off, in.Body.Grace
	}
	if c.Grace < 0 || c.Grace > api.Day {
		return nil, invalid([]api.FieldError{{Path: "grace", Message: c.Grace.String() + " is out of range: 0s to 1d"}})
	}
	return s.change(ctx, c, api.Applied{Name: in.Node})
}

type powerNode struct {
	ANode
	Command
	Body api.PowerRequest
}

func (s *Server) powerNode(ctx context.Context, in *powerNode) (*answer[api.Applied], error) {
	return s.change(ctx, &engine.Power{Caller: caller(ctx, in.Command), Node: in.Node, Sleep: in.Body.Sleep}, api.Applied{Name: in.Node})
}

type removeNode struct {
	ANode
	Command
}

func (s *Server) removeNode(ctx context.Context, in *removeNode) (*answer[api.Applied], error) {
	return s.change(ctx, &engine.RemoveNode{Caller: caller(ctx, in.Command), Node: in.Node}, api.Applied{Name: in.Node})
}

func (s *Server) listSites(ctx context.Context, in *Reading) (*answer[api.SiteList], error) {
	out := &answer[api.SiteList]{Body: api.SiteList{Items: []api.Site{}}}
	err := s.viewAt(ctx, *in, &out.Stand, func(e *engine.Engine) {
		for _, site := range e.State().Sites {
			out.Body.Items = append(out.Body.Items, *site)
		}
		out.Body.Batteries = e.ViewBatteries(s.opt.Now())
	})
	slices.SortFunc(out.Body.Items, func(a, b api.Site) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

type putSite struct {
	Command
	Site string `path:"site" doc:"The name of a site." maxLength:"63" example:"hall-1"`
	Body api.Site
}

func (s *Server) putSite(ctx context.Context, in *putSite) (*answer[api.Applied], error) {
	site := in.Body
	site.Normalize()
	faults := site.Validate()
	if site.Name != in.Site {
		faults = append(faults, api.FieldError{Path: "name", Message: fmt.Sprintf("the path says %q: use one name", in.Site)})
	}
	if len(faults) > 0 {
		return nil, invalid(faults)
	}
	return s.change(ctx, &engine.PutSite{Caller: caller(ctx, in.Command), Site: site}, api.Applied{Name: site.Name})
}

type putSettings struct {
	Command
	Body api.SettingsRequest
}

func (s *Server) putSettings(ctx context.Context, in *putSettings) (*answer[api.Applied], error) {
	b := in.Body
	if b.Probation != nil {
		b.Probation.Normalize()
	}
	if b.Stages != nil {
		b.Stages.Normalize()
	}
	if faults := settingsFaults(b); len(faults) > 0 {
		return nil, invalid(faults)
	}
	c := &engine.PutSettings{
		Caller: caller(ctx, in.Command), RetainFor: b.RetainFor, RetainMax: b.RetainMax, Lease: b.Lease, Home: b.Home, Strategy: b.Strategy, Probation: b.Probation, Stages: b.Stages,
	}
	return s.change(ctx, c, api.Applied{Name: "settings"})
}

func settingsFaults(b api.SettingsRequest) (faults []api.FieldError) {
	for _, d := range [...]struct {
		path       string
		value, top api.Duration
	}{
		{"retainFor", b.RetainFor, api.MaxDuration},
		{"lease", b.Lease, api.Day},
	} {
		if d.value < 0 || d.value > d.top {
			faults = append(faults, api.FieldError{Path: d.path, Message: fmt.Sprintf("%s is out of range: 0s to %s", d.value, d.top)})
		}
	}
	if b.RetainMax < 0 || b.RetainMax > 1_000_000 {
		faults = append(faults, api.FieldError{Path: "retainMax", Message: fmt.Sprintf("%d is out of range: 0 to 1000000", b.RetainMax)})
	}
	if b.Probation != nil {
		for _, f := range b.Probation.Validate() {
			faults = append(faults, api.FieldError{Path: "probation." + f.Path, Message: f.Message})
		}
	}
	if b.Stages != nil {
		for _, f := range b.Stages.Validate() {
			faults = append(faults, api.FieldError{Path: strings.TrimSuffix("stages."+f.Path, "."), Message: f.Message})
		}
		if b.Probation == nil {
			faults = append(faults, api.FieldError{Path: "probation", Message: "is missing: it has the goals by which the stages are judged"})
		}
	}
	if b.Probation != nil && b.Strategy == "" {
		faults = append(faults, api.FieldError{Path: "strategy", Message: "is missing: name the strategy that is on probation"})
	}
	return faults
}
