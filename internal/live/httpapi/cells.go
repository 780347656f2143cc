package httpapi

import (
	"context"
	"net/http"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"github.com/danielgtaylor/huma/v2"
)

func (s *Server) cellRoutes() {
	huma.Register(s.api, s.operation("listCells", http.MethodGet, "/v1/cells", "cells",
		"List the child cells, to which workloads are handed over"), s.listCells)
	huma.Register(s.api, s.operation("removeCell", http.MethodDelete, "/v1/cells/{cell}", "cells",
		"Forget a silent child cell; what it owns has failed and is not run again", http.StatusNotFound, http.StatusConflict,
		http.StatusTooManyRequests), s.removeCell)
}

func (s *Server) listCells(ctx context.Context, in *Reading) (*answer[api.CellList], error) {
	out := &answer[api.CellList]{Body: api.CellList{Items: []api.CellView{}}}
	err := s.view(ctx, *in, &out.Seq, func(e *engine.Engine) {
		for _, name := range e.State().SortedCells() {
			out.Body.Items = append(out.Body.Items, engine.ViewCell(e.State().Cells[name]))
		}
	})
	for i := range out.Body.Items {
		out.Body.Items[i].LastSeen = s.cell.LastSeen("cell/" + out.Body.Items[i].Name)
	}
	return out, err
}

type removeCell struct {
	Cell string `path:"cell" doc:"The name of a child cell." maxLength:"63" example:"plant-1"`
	Command
}

func (s *Server) removeCell(ctx context.Context, in *removeCell) (*answer[api.Applied], error) {
	return s.change(ctx, &engine.RemoveCell{Caller: caller(ctx, in.Command), Cell: in.Cell}, api.Applied{Name: in.Cell})
}
