package httpapi

import (
	"log/slog"
	"time"

	"drover.dev/api"
)

// Options bound what clients may do. The zero value of each field stands for
// its default.
type Options struct {
	// Version of the program, for the OpenAPI document.
	Version string
	// MaxBody is the largest body of a request, artifacts apart. Default 16 MiB.
	MaxBody api.Bytes
	// MaxArtifact is the largest artifact that may be uploaded. Default 1 GiB.
	MaxArtifact api.Bytes
	// MaxRequests is how many reads, and how many changes, are served at once.
	// One tenant alone gets half, several share fairly; more are answered 429
	// with Retry-After. Default 1024.
	MaxRequests int
	// MaxStreams is how many watches, logs and transfers are served at once,
	// shared likewise. Default 2048.
	MaxStreams int
	// MaxBodies is how many bytes of bodies may be in memory at once, artifacts
	// apart, shared likewise. At least twice MaxBody. Default 128 MiB.
	MaxBodies api.Bytes
	// MaxConnections is how many clients may be connected; one more takes the
	// place of an idle one. Default 8192.
	MaxConnections int
	// HeaderTimeout bounds the time in which the head of a request must have
	// arrived. Default 5 s.
	HeaderTimeout time.Duration
	// BodyTimeout bounds the time in which a body must have arrived; of an
	// artifact, each MiB of it. Default 30 s.
	BodyTimeout time.Duration
	// WriteTimeout bounds the time in which a client must take an answer; of a
	// stream, each part of it. Default 30 s.
	WriteTimeout time.Duration
	// IdleTimeout closes connections that carry no request. Default 2 min.
	IdleTimeout time.Duration
	// ReadTimeout bounds how long a read waits for the sequence that ?atLeast
	// asks for. Default 10 s.
	ReadTimeout time.Duration
	// PastTimeout bounds how long a read of the past may take. Default 40 s.
	PastTimeout time.Duration
	// DoTimeout bounds how long a command waits for the journal. Default 30 s.
	DoTimeout time.Duration
	// Heartbeat is how often a quiet stream says that it lives. Default 15 s.
	Heartbeat time.Duration
	// LogPoll is how often a followed log is read on. Default 200 ms.
	LogPoll time.Duration
	// Log takes what no client can be told. Default slog.Default.
	Log *slog.Logger
	// Now tells the time of day, by which the present is shown. Default the machine's.
	Now func() api.Time
}

func (o Options) withDefaults() Options {
	setDefault(&o.Version, "devel")
	setDefault(&o.MaxBody, 16*api.MiB)
	setDefault(&o.MaxArtifact, api.GiB)
	setDefault(&o.MaxRequests, 1024)
	setDefault(&o.MaxStreams, 2048)
	setDefault(&o.MaxBodies, 128*api.MiB)
	o.MaxBodies = max(o.MaxBodies, 2*o.MaxBody)
	setDefault(&o.MaxConnections, 8192)
	setDefault(&o.HeaderTimeout, 5*time.Second)
	setDefault(&o.BodyTimeout, 30*time.Second)
	setDefault(&o.WriteTimeout, 30*time.Second)
	setDefault(&o.IdleTimeout, 2*time.Minute)
	setDefault(&o.ReadTimeout, 10*time.Second)
	setDefault(&o.PastTimeout, 40*time.Second)
	setDefault(&o.DoTimeout, 30*time.Second)
	setDefault(&o.Heartbeat, 15*time.Second)
	setDefault(&o.LogPoll, 200*time.Millisecond)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = func() api.Time { return api.Time(time.Now().UnixNano()) }
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
