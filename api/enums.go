package api

import "fmt"

// Enumerations are small integers in the journal and names in JSON.

var desireNames = [...]string{"run", "stop", "suspend"}

var reportKindNames = [...]string{"started", "ended", "healthy", "unhealthy", "suspended", "resumed"}

func (d Desire) String() string     { return nameOf(desireNames[:], int(d)) }
func (k ReportKind) String() string { return nameOf(reportKindNames[:], int(k)) }

// MarshalText implements encoding.TextMarshaler.
func (s TaskStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *TaskStatus) UnmarshalText(b []byte) error {
	return fromName(s, "a task status", taskStatusNames[:], string(b))
}

// MarshalText implements encoding.TextMarshaler.
func (s WorkloadStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *WorkloadStatus) UnmarshalText(b []byte) error {
	return fromName(s, "a workload status", workloadStatusNames[:], string(b))
}

// MarshalText implements encoding.TextMarshaler.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads a name.
func (o *Outcome) UnmarshalText(b []byte) error {
	return fromName(o, "an outcome", outcomeNames[:], string(b))
}

// MarshalText implements encoding.TextMarshaler.
func (d Desire) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a name.
func (d *Desire) UnmarshalText(b []byte) error {
	return fromName(d, "a desire", desireNames[:], string(b))
}

// MarshalText implements encoding.TextMarshaler.
func (k ReportKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a name.
func (k *ReportKind) UnmarshalText(b []byte) error {
	return fromName(k, "a kind of report", reportKindNames[:], string(b))
}

// fromName sets to to the position of name in names.
func fromName[T ~uint8](to *T, what string, names []string, name string) error {
	for i, n := range names {
		if n == name {
			*to = T(i)
			return nil
		}
	}
	return fmt.Errorf("%s is not %s%s", quote(name), what, didYouMean(name, names))
}
