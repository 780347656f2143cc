package httpapi

import (
	"reflect"
	"strings"

	"drover.dev/api"
	"github.com/danielgtaylor/huma/v2"
)

// Types with a text form of their own are strings to huma; these say what the
// strings look like, and where a number will do.
type (
	milliSchema    struct{}
	celsiusSchema  struct{}
	bytesSchema    struct{}
	rateSchema     struct{}
	durationSchema struct{}
	timeSchema     struct{}
	moneySchema    struct{}
	massSchema     struct{}
	energySchema   struct{}
	powerSchema    struct{}
	digestSchema   struct{}
	statusSchema   struct{}
)

func (milliSchema) Schema(huma.Registry) *huma.Schema {
	return quantity("Cores or devices: 2, \"0.5\" or \"250m\".", "250m", true)
}

func (celsiusSchema) Schema(huma.Registry) *huma.Schema {
	return quantity("A temperature in °C: 21.5 or -3.", "21.5", true)
}

func (bytesSchema) Schema(huma.Registry) *huma.Schema {
	return quantity("A size: 512, \"64Ki\" or \"1.5G\".", "64Mi", true)
}

func (rateSchema) Schema(huma.Registry) *huma.Schema {
	return quantity("Bits per second: \"100Mbit\".", "100Mbit", true)
}

func (durationSchema) Schema(huma.Registry) *huma.Schema {
	return quantity("A length of time: \"250ms\", \"1h30m\" or \"7d\".", "30s", false)
}

func (timeSchema) Schema(huma.Registry) *huma.Schema {
	return quantity("An instant as RFC 3339 writes it; empty when not set.", "2026-03-01T12:00:00Z", false)
}

func (moneySchema) Schema(huma.Registry) *huma.Schema {
	return quantity("An amount with its ISO 4217 currency.", "0.12 EUR", false)
}

func (massSchema) Schema(huma.Registry) *huma.Schema {
	return quantity("An amount of CO2e with its unit: t, kg, g, mg or µg.", "2.5 kg", false)
}

func (energySchema) Schema(huma.Registry) *huma.Schema {
	return quantity("An amount of energy with its unit: GWh, MWh, kWh, Wh or J.", "10 MWh", false)
}

func (powerSchema) Schema(huma.Registry) *huma.Schema {
	return quantity("A power with its unit: GW, MW, kW, W or mW.", "100 kW", false)
}

func (digestSchema) Schema(huma.Registry) *huma.Schema {
	s := quantity("The content address of an artifact.", "", false)
	s.Pattern = "^sha256:[0-9a-f]{64}$"
	s.PrecomputeMessages()
	return s
}

func (statusSchema) Schema(huma.Registry) *huma.Schema {
	return quantity("The name of a status.", "", false)
}

// quantity describes a text form; with number a JSON number is read, too.
func quantity(doc, example string, number bool) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Description: doc}
	if number {
		s = &huma.Schema{Description: doc, OneOf: []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeNumber}}}
	}
	if example != "" {
		s.Examples = []any{example}
	}
	s.PrecomputeMessages()
	return s
}

// registry is an empty collection of schemas that knows the text forms.
func registry() huma.Registry {
	r := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	for _, a := range [...]struct{ is, as any }{
		{api.Milli(0), milliSchema{}},
		{api.MilliCelsius(0), celsiusSchema{}},
		{api.Bytes(0), bytesSchema{}},
		{api.Rate(0), rateSchema{}},
		{api.Duration(0), durationSchema{}},
		{api.Time(0), timeSchema{}},
		{api.Money{}, moneySchema{}},
		{api.Mass(0), massSchema{}},
		{api.Energy(0), energySchema{}},
		{api.Power(0), powerSchema{}},
		{api.Digest(""), digestSchema{}},
		{api.Outcome(0), statusSchema{}},
	} {
		r.RegisterTypeAlias(reflect.TypeOf(a.is), reflect.TypeOf(a.as))
	}
	return r
}

// schemaOf is a reference to the schema of v's type.
func schemaOf(r huma.Registry, v any) *huma.Schema { return r.Schema(reflect.TypeOf(v), true, "") }

// pathParams are the names in braces of a path.
func pathParams(path string) (names []string) {
	for _, part := range strings.Split(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	return names
}

// query describes an optional parameter of a stream.
func query(name, doc string, kind string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: doc, Schema: &huma.Schema{Type: kind}}
}
