package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/state"
	"github.com/danielgtaylor/huma/v2"
)

// A problem is an answer that refuses a request. It marshals as RFC 9457 says.
type problem struct {
	api.Problem
	retryAfter time.Duration // 0: none
}

var (
	_ huma.StatusError       = (*problem)(nil)
	_ huma.HeadersError      = (*problem)(nil)
	_ huma.ContentTypeFilter = (*problem)(nil)
)

func newProblem(status int, detail string) *problem {
	return &problem{Problem: api.Problem{Title: http.StatusText(status), Status: status, Detail: detail}}
}

func (p *problem) Error() string             { return p.Detail }
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) ContentType(string) string { return "application/problem+json" }

func (p *problem) GetHeaders() http.Header {
	if p.retryAfter <= 0 {
		return nil
	}
	return http.Header{"Retry-After": {retrySeconds(p.retryAfter)}}
}

// retrySeconds rounds up: the header knows whole seconds only.
func retrySeconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}

// write sends the problem where huma is not in between.
func (p *problem) write(w http.ResponseWriter) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.Header().Del("Content-Length")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.Problem) // the client may have gone
}

// invalid refuses a body for its faults.
func invalid(faults []api.FieldError) *problem {
	p := newProblem(http.StatusUnprocessableEntity, "the document has faults: correct them and submit it again")
	for _, f := range faults {
		p.Errors = append(p.Errors, api.ProblemError{Location: location(f.Path), Message: f.Message})
	}
	return p
}

func location(path string) string {
	if path == "" {
		return "body"
	}
	return "body." + path
}

// problemOf turns an error of the cell or of its store into an answer.
func problemOf(err error) *problem {
	var p *problem
	var busy *BusyError
	var mismatch *artifact.MismatchError
	var large *artifact.TooLargeError
	var body *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &busy):
		return retry(http.StatusTooManyRequests, busy.Error(), busy.RetryAfter)
	case errors.Is(err, ErrNoPast):
		return newProblem(http.StatusNotFound, err.Error())
	case errors.Is(err, ErrOtherPast):
		return newProblem(http.StatusConflict, err.Error())
	case errors.Is(err, ErrNameTaken):
		return newProblem(http.StatusForbidden, err.Error())
	case errors.Is(err, ErrNoChild):
		return newProblem(http.StatusConflict, err.Error())
	case errors.Is(err, ErrNotLeader):
		return retry(http.StatusServiceUnavailable, err.Error()+": try again, or ask another server of the cell", time.Second)
	case errors.Is(err, ErrStorage), errors.Is(err, artifact.ErrNoSpace):
		return retry(http.StatusServiceUnavailable, err.Error(), 5*time.Second)
	case errors.Is(err, artifact.ErrUnavailable):
		return retry(http.StatusServiceUnavailable, err.Error(), time.Second)
	case errors.Is(err, artifact.ErrNotFound):
		return newProblem(http.StatusNotFound, "the store holds no such artifact: upload it first")
	case errors.As(err, &mismatch):
		return newProblem(http.StatusUnprocessableEntity, mismatch.Error())
	case errors.As(err, &large):
		return newProblem(http.StatusRequestEntityTooLarge, large.Error())
	case errors.As(err, &body):
		return newProblem(http.StatusRequestEntityTooLarge, tooLarge(body.Limit))
	case errors.Is(err, ErrWatchGap):
		return newProblem(http.StatusGone, err.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return retry(http.StatusServiceUnavailable, "the cell did not answer in time: try again", time.Second)
	}
	return newProblem(http.StatusInternalServerError, err.Error())
}

func retry(status int, detail string, after time.Duration) *problem {
	p := newProblem(status, detail)
	p.retryAfter = max(after, time.Millisecond)
	return p
}

func tooLarge(limit int64) string {
	return "the body is larger than " + api.Bytes(limit).String() + ": send less at once"
}

// refused turns the answer to a command into a problem; nil when it was obeyed.
func refused(a state.Answer) *problem {
	if a.Code == state.CodeOK {
		return nil
	}
	p := newProblem(codeStatus(a), a.Message)
	if a.Code == state.CodeBusy {
		p.retryAfter = time.Second
	}
	return p
}

// codeStatus is the HTTP status of an answer.
func codeStatus(a state.Answer) int {
	switch a.Code {
	case state.CodeOK:
		if a.Action == "created" {
			return http.StatusCreated
		}
		return http.StatusOK
	case state.CodeNotFound:
		return http.StatusNotFound
	case state.CodeConflict:
		return http.StatusConflict
	case state.CodeBusy:
		return http.StatusTooManyRequests
	}
	return http.StatusUnprocessableEntity
}
