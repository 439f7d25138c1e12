// SPDX-License-Identifier: MPL-2.0

package telemetry

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

// TraceSettings say where traces go, and which.
type TraceSettings struct {
	Endpoint                  string // the URL for traces
	Headers                   map[string]string
	Timeout                   time.Duration // of one attempt
	CAFile, CertFile, KeyFile string        // PEM files for TLS; "" for none
	Sampler                   Sampler
	Resource                  []trace.Attribute // what sends the spans

	batchDelay, firstRetry time.Duration // tests set them; 0 means the constants
}

func (s TraceSettings) delay() time.Duration { return cmp.Or(s.batchDelay, batchDelay) }
func (s TraceSettings) retry() time.Duration { return cmp.Or(s.firstRetry, firstRetry) }

// Host returns the host of the collector, for messages: a path may hold a key.
func (s TraceSettings) Host() string {
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return "the collector"
	}
	return u.Host
}

// Sampler decides whether a trace is recorded. caller is nil if the request names no span.
type Sampler func(traceID [16]byte, caller *trace.Context) bool

// TraceSettingsFrom returns the settings in the standard variables of OpenTelemetry, and whether traces are sent. They
// are if a variable names an endpoint, unless OTEL_SDK_DISABLED or OTEL_TRACES_EXPORTER prevents it. An error names the
// variable, and never repeats what may hold a key. See
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
func TraceSettingsFrom(variable func(string) string, version string) (s TraceSettings, on bool, err error) {
	// A variable for traces has priority over the one for all signals.
	otlp := func(name string) (value, from string) {
		from = "OTEL_EXPORTER_OTLP_TRACES_" + name
		if value = variable(from); value == "" {
			from = "OTEL_EXPORTER_OTLP_" + name
			value = variable(from)
		}
		return value, from
	}
	endpoint, from := otlp("ENDPOINT")
	exporter, disabled := variable("OTEL_TRACES_EXPORTER"), strings.ToLower(variable("OTEL_SDK_DISABLED"))
	if endpoint == "" || exporter == "none" || disabled == "true" {
		return s, false, nil
	}
	if disabled != "" && disabled != "false" {
		return s, false, invalid("OTEL_SDK_DISABLED", disabled, "write true or false")
	}
	if exporter != "" && exporter != "otlp" {
		return s, false, invalid("OTEL_TRACES_EXPORTER", exporter, "use otlp or none")
	}
	if protocol, from := otlp("PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return s, false, invalid(from, protocol, "use http/protobuf, and the port of the collector for it, usually 4318")
	}
	if s.Endpoint, err = tracesURL(endpoint, from); err != nil {
		return s, false, err
	}
	if s.Timeout, err = timeout(otlp("TIMEOUT")); err != nil {
		return s, false, err
	}
	headers, from := otlp("HEADERS")
	if s.Headers, err = pairs(headers, from); err != nil {
		return s, false, err
	}
	for name, value := range s.Headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return s, false, malformed(from)
		}
	}
	s.CAFile, _ = otlp("CERTIFICATE")
	s.CertFile, from = otlp("CLIENT_CERTIFICATE")
	s.KeyFile, _ = otlp("CLIENT_KEY")
	if (s.CertFile == "") != (s.KeyFile == "") {
		return s, false, backend.Errorf(backend.CodeInvalid,
			"%s is set without its private key, or the key without it", from).WithHint("set both")
	}
	if s.Sampler, err = sampler(variable("OTEL_TRACES_SAMPLER"), variable("OTEL_TRACES_SAMPLER_ARG")); err != nil {
		return s, false, err
	}
	s.Resource, err = resource(variable, version)
	return s, err == nil, err
}

func invalid(variable, value, hint string) error {
	return backend.Errorf(backend.CodeInvalid, "%s %s is not supported", variable, backend.Quote(value)).
		WithHint("%s", hint)
}

func malformed(variable string) error {
	return backend.Errorf(backend.CodeInvalid, "%s is not valid", variable).
		WithHint("write name=value,name=value, with special characters as %%XX")
}

// tracesURL returns the URL for traces. The variable for all signals has a base, and the one for traces all of it.
func tracesURL(endpoint, variable string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", backend.Errorf(backend.CodeInvalid, "%s is not the URL of a collector", variable).
			WithHint("write it as https://collector.example.com:4318, without user or password; " +
				"a key belongs in OTEL_EXPORTER_OTLP_HEADERS")
	}
	if variable == "OTEL_EXPORTER_OTLP_ENDPOINT" {
		u = u.JoinPath("v1", "traces")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String(), nil
}

// timeout returns a time that a variable has in milliseconds.
func timeout(text, variable string) (time.Duration, error) {
	if text == "" {
		return 10 * time.Second, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 600_000 {
		return 0, invalid(variable, text, "write milliseconds, 1 to 600000")
	}
	return time.Duration(n) * time.Millisecond, nil
}

// pairs parses name=value,name=value.
func pairs(text, variable string) (map[string]string, error) {
	all := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !ok || name == "" || err != nil {
			return nil, malformed(variable)
		}
		all[name] = value
	}
	return all, nil
}

// sampler returns the sampler with a name. By default, a trace is recorded unless its caller does not record it.
func sampler(name, argument string) (Sampler, error) {
	ratio := 1.0
	if argument != "" && strings.HasSuffix(name, "traceidratio") {
		var err error
		if ratio, err = strconv.ParseFloat(argument, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
			return nil, invalid("OTEL_TRACES_SAMPLER_ARG", argument, "write a number from 0 to 1, such as 0.1")
		}
	}
	parent, isBased := strings.CutPrefix(cmp.Or(name, "parentbased_always_on"), "parentbased_")
	var root Sampler
	switch parent {
	case "always_on":
		root = func([16]byte, *trace.Context) bool { return true }
	case "always_off":
		root = func([16]byte, *trace.Context) bool { return false }
	case "traceidratio":
		// As in the SDKs, so that all parts of a trace decide the same.
		bound := uint64(ratio * math.MaxInt64)
		root = func(id [16]byte, _ *trace.Context) bool {
			return ratio == 1 || binary.BigEndian.Uint64(id[8:])>>1 < bound
		}
	default:
		return nil, invalid("OTEL_TRACES_SAMPLER", name, "use always_on, always_off or traceidratio, or one of them after "+
			"parentbased_")
	}
	if !isBased {
		return root, nil
	}
	return func(id [16]byte, caller *trace.Context) bool {
		if caller != nil {
			return caller.Sampled
		}
		return root(id, nil)
	}, nil
}

// resource returns what describes this server.
func resource(variable func(string) string, version string) ([]trace.Attribute, error) {
	given, err := pairs(variable("OTEL_RESOURCE_ATTRIBUTES"), "OTEL_RESOURCE_ATTRIBUTES")
	if err != nil {
		return nil, err
	}
	if name := variable("OTEL_SERVICE_NAME"); name != "" {
		given["service.name"] = name
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	all := []trace.Attribute{}
	for name, value := range map[string]string{
		"service.name": "pouncet", "service.version": version, "service.instance.id": hex.EncodeToString(id[:]),
	} {
		if given[name] == "" {
			given[name] = value
		}
	}
	for name, value := range given {
		all = append(all, trace.Attribute{Name: name, Text: value})
	}
	slices.SortFunc(all, func(a, b trace.Attribute) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}
