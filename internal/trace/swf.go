package trace

import (
	"strconv"
	"strings"

	"drover.dev/api"
)

// swf is the Standard Workload Format of the Parallel Workloads Archive
// (Feitelson, 2006): 18 numbers a job, -1 where nothing is known, comments after
// a semicolon. Each of a job's processors becomes an element of one core.
var swf = Format{
	Name: "swf", Doc: "Standard Workload Format of the Parallel Workloads Archive",
	detect: func(first string) bool {
		return strings.HasPrefix(first, ";") || len(strings.Fields(first)) == swfFields
	},
	open: func(l *lines) (Reader, error) { return &swfReader{l}, nil },
}

const swfFields = 18

// The fields that are used, counted from 0.
const (
	swfSubmit, swfRun, swfProcs, swfMemory         = 1, 3, 4, 6
	swfWantProcs, swfEstimate, swfWantMem, swfUser = 7, 8, 9, 11
	swfProgram                                     = 13
)

type swfReader struct{ *lines }

func (s *swfReader) Next() (Row, error) {
	for {
		line, err := s.next()
		if err != nil {
			return Row{}, err
		}
		if !strings.HasPrefix(line, ";") {
			return s.row(line)
		}
	}
}

func (s *swfReader) row(line string) (Row, error) {
	v, fields, err := s.values(line)
	if err != nil {
		return Row{}, err
	}
	procs := v[swfProcs]
	if procs <= 0 {
		procs = v[swfWantProcs]
	}
	switch {
	case v[swfRun] < 0:
		return Row{}, s.fault("the job's run time is not known")
	case procs <= 0 || procs > maxElements:
		return Row{}, s.fault("the job has %v processors", procs)
	case v[swfSubmit] < 0:
		return Row{}, s.fault("the job's submission is not known")
	}
	r := Row{ID: fields[0], Count: int32(procs), Each: api.Resources{CPU: 1000}}
	if v[swfUser] >= 0 {
		r.User = fields[swfUser]
	}
	if v[swfProgram] >= 0 {
		r.Program = "app-" + fields[swfProgram]
	}
	if kib := max(v[swfMemory], v[swfWantMem]); kib > 0 && kib < maxMilli {
		r.Each.Memory = api.Bytes(kib * 1024)
	}
	if r.Submit, err = s.span("the submission", v[swfSubmit], api.Second); err != nil {
		return Row{}, err
	}
	if r.Run, err = s.span("the run time", v[swfRun], api.Second); err != nil {
		return Row{}, err
	}
	r.Estimate, err = s.span("the estimate", max(v[swfEstimate], 0), api.Second)
	return r, err
}

func (s *swfReader) values(line string) (v [swfFields]float64, fields []string, err error) {
	fields = strings.Fields(line)
	if len(fields) != swfFields {
		return v, nil, s.fault("it has %d fields, a job has %d", len(fields), swfFields)
	}
	for i, f := range fields {
		if v[i], err = strconv.ParseFloat(f, 64); err != nil || v[i] != v[i] {
			return v, nil, s.fault("field %d is %.40q and not a number", i+1, f)
		}
	}
	return v, fields, nil
}

var _ Reader = (*swfReader)(nil)
