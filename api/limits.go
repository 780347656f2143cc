package api

// What a workload may ask for at most. Each limit is there so that one document
// cannot take a cell's memory, a batch of its journal or an arithmetic range;
// none is a target.
const (
	MaxTasks    = 1000    // tasks of a workload
	MaxArray    = 100_000 // elements of one task, and of a whole workload
	MaxSpec     = 224_000 // bytes of a workload in the journal: a batch of 512 KiB holds it twice, as input and as event
	MaxErrors   = 100     // faults listed of one document
	MaxItems    = 1000    // entries of any list or map that has no limit of its own
	MaxLabels   = 64      // labels of one object
	MaxText     = 32_768  // bytes of an argument or of the value of an environment variable
	MaxPath     = 1024    // bytes of a path
	MaxPriority = 1000    // and -MaxPriority at least

	MaxCPU          Milli    = 1_000_000_000 // a million cores
	MaxMemory       Bytes    = 1 << 50       // 1 PiB
	MaxStorage      Bytes    = 1 << 60       // 1 EiB
	MaxBandwidth    Rate     = 1e15          // 1 Pbit/s
	MaxAccelerators Milli    = 1_000_000     // a thousand devices of a kind
	MaxLog          Bytes    = 1 << 30       // kept of each output stream
	MaxDuration     Duration = 3653 * Day    // ten years
	MaxGrace        Duration = Hour
	MinInterval     Duration = 10 * Millisecond // between two runs of a check
)

// What Normalize fills in.
const (
	DefaultTenant           = "default"
	DefaultGrace            = 5 * Second
	DefaultMaxLog           = 10 * MiB
	DefaultAttempts         = 2 // jobs; other kinds are unlimited
	DefaultBackoff          = Second
	DefaultMaxBackoff       = Minute
	DefaultCheckInterval    = 5 * Second
	DefaultCheckTimeout     = 2 * Second
	DefaultCheckFailures    = 3
	DefaultProgressDeadline = 2 * Minute
	DefaultZone             = "UTC"
	DefaultKeep             = 10 // finished runs of a schedule

	// Unlimited is the number of attempts without a bound.
	Unlimited = -1
)

// The drivers that validation knows; others may be registered.
const (
	DriverWASM    = "wasm"
	DriverProcess = "process"
	DriverNoop    = "noop"
)

// How an input takes the elements of an array.
const (
	EachAll  = "all"
	EachSame = "same"
)

// The types of checks.
const (
	CheckTCP  = "tcp"
	CheckHTTP = "http"
	CheckExec = "exec"
)
