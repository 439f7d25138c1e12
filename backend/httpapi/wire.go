// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"cmp"
	"net/http"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The wire types replace types of package backend that hide values or have no JSON names. Only these types hold a value
// on the wire, as base64.

// queryRequest is a backend.Query that distinguishes a selector that is empty from one that is absent. An absent one
// selects everything. An empty one is an error, because its sender probably meant something else.
type queryRequest struct {
	backend.Query // the fields below hide its selectors from the JSON decoder

	Project     *string `json:"project"`
	ID          *string `json:"id"`
	Name        *string `json:"name"`
	NamePrefix  *string `json:"name_prefix"`
	Environment *string `json:"environment"`
	Scope       *string `json:"scope"`
	Type        *string `json:"type"`
	Draft       *string `json:"draft"`
	Search      *string `json:"search"`
	Sort        *string `json:"sort"`
	By          *string `json:"by"`
	Verb        *string `json:"verb"`
	Code        *string `json:"code"`
}

func (in queryRequest) query() (backend.Query, error) {
	q := in.Query
	for _, s := range []struct {
		name         string
		given, field *string
	}{
		{"project", in.Project, &q.Project}, {"id", in.ID, &q.ID}, {"name", in.Name, &q.Name},
		{"name_prefix", in.NamePrefix, &q.NamePrefix},
		{"environment", in.Environment, &q.Environment}, {"scope", in.Scope, &q.Scope}, {"type", in.Type, &q.Type},
		{"draft", in.Draft, &q.Draft}, {"search", in.Search, &q.Search}, {"sort", in.Sort, &q.Sort},
		{"by", in.By, &q.By}, {"verb", in.Verb, &q.Verb}, {"code", in.Code, &q.Code},
	} {
		switch {
		case s.given == nil:
		case *s.given == "":
			return q, backend.Errorf(backend.CodeInvalid, "selector %s is empty", s.name).
				WithHint("leave it out to select everything").At(s.name)
		default:
			*s.field = *s.given
		}
	}
	return q, nil
}

// resolveRequest holds what its references have in common only once, because the references of one file often differ
// only in their names.
type resolveRequest struct {
	Common commonRef `json:"common"`
	Refs   []ref     `json:"refs"`
}

// commonRef has the fields that references can have in common. The others say what happens to a value, and so belong to
// one reference.
type commonRef struct {
	Kind        backend.Kind `json:"kind,omitempty"`
	Project     string       `json:"project,omitempty"`
	Environment string       `json:"environment,omitempty"`
	Scope       string       `json:"scope,omitempty"`
}

// ref is a backend.Ref whose absent fields have the value of resolveRequest.Common. If a field is empty in one of the
// references, Common has no value for it.
type ref struct {
	Kind        backend.Kind `json:"kind,omitempty"`
	Project     string       `json:"project,omitempty"`
	Environment string       `json:"environment,omitempty"`
	Scope       string       `json:"scope,omitempty"`
	Name        string       `json:"name,omitempty"`
	Field       string       `json:"field,omitempty"`
	Version     string       `json:"version,omitempty"`
	Reveal      bool         `json:"reveal,omitempty"`
	Probe       bool         `json:"probe,omitempty"`
}

func refsToWire(refs []backend.Ref) resolveRequest {
	out := resolveRequest{Refs: convert(refs, func(r backend.Ref) ref { return ref(r) })}
	factorOut((*string)(&out.Common.Kind), out.Refs, func(r *ref) *string { return (*string)(&r.Kind) })
	factorOut(&out.Common.Project, out.Refs, func(r *ref) *string { return &r.Project })
	factorOut(&out.Common.Environment, out.Refs, func(r *ref) *string { return &r.Environment })
	factorOut(&out.Common.Scope, out.Refs, func(r *ref) *string { return &r.Scope })
	return out
}

// factorOut copies the field of the first item to common, and empties the field of all items with the same value. It
// does nothing if the field of any item is already empty, because an empty field then means the value of common.
func factorOut[T any](common *string, items []T, field func(*T) *string) {
	for i := range items {
		if *field(&items[i]) == "" {
			return
		}
	}
	if len(items) == 0 {
		return
	}
	first := *field(&items[0])
	*common = first
	for i := range items {
		if f := field(&items[i]); *f == first {
			*f = ""
		}
	}
}

func refsFromWire(in resolveRequest) []backend.Ref {
	return convert(in.Refs, func(r ref) backend.Ref {
		r.Kind = cmp.Or(r.Kind, in.Common.Kind)
		r.Project = cmp.Or(r.Project, in.Common.Project)
		r.Environment = cmp.Or(r.Environment, in.Common.Environment)
		r.Scope = cmp.Or(r.Scope, in.Common.Scope)
		return backend.Ref(r)
	})
}

// resolveResponse holds what its resolutions have in common only once, like resolveRequest.
type resolveResponse struct {
	Common      resolution   `json:"common"`
	Resolutions []resolution `json:"resolutions"`
}

type resolution struct {
	Value       *[]byte        `json:"value,omitempty"` // base64; absent if there is an error
	JSON        bool           `json:"json,omitempty"`
	ID          string         `json:"id,omitempty"`
	Environment string         `json:"environment,omitempty"`
	Scope       string         `json:"scope,omitempty"`
	Version     int64          `json:"version,omitempty"`
	Secret      bool           `json:"secret,omitempty"`
	Err         *backend.Error `json:"error,omitempty"`
}

type applyRequest struct {
	Changes        []change `json:"changes"`
	DryRun         bool     `json:"dry_run,omitempty"`
	Draft          *string  `json:"draft,omitempty"`
	IdempotencyKey string   `json:"idempotency_key,omitempty"`
	FingerprintKey []byte   `json:"fingerprint_key,omitempty"`
}

type applyResponse struct {
	Outcomes []backend.Outcome `json:"outcomes"`
	// Err is the error of a call that also returned outcomes.
	Err *backend.Error `json:"error,omitempty"`
}

// status is the status for the error of a refused set. The body has the outcomes too.
func (r applyResponse) status() int {
	if r.Err == nil {
		return http.StatusOK
	}
	return statusOf(r.Err.Code)
}

// change is a backend.Change with its value, which backend.Change never marshals.
type change struct {
	backend.Change
	Value *[]byte `json:"value,omitempty"` // base64
}

func toWire(c backend.Change) change { return change{c, bytesOf(c.Value)} }

func fromWire(c change) backend.Change {
	c.Change.Value = valueOf(c.Value)
	return c.Change
}

func resolutionsToWire(in []backend.Resolution) resolveResponse {
	out := resolveResponse{Resolutions: convert(in, resolutionToWire)}
	factorOut(&out.Common.Environment, out.Resolutions, func(r *resolution) *string { return &r.Environment })
	factorOut(&out.Common.Scope, out.Resolutions, func(r *resolution) *string { return &r.Scope })
	return out
}

func resolutionsFromWire(in resolveResponse) []backend.Resolution {
	return convert(in.Resolutions, func(r resolution) backend.Resolution {
		r.Environment = cmp.Or(r.Environment, in.Common.Environment)
		r.Scope = cmp.Or(r.Scope, in.Common.Scope)
		return resolutionFromWire(r)
	})
}

func resolutionToWire(r backend.Resolution) resolution {
	return resolution{Value: bytesOf(r.Value), JSON: r.JSON, ID: r.ID, Environment: r.Environment, Scope: r.Scope,
		Version: r.Version, Secret: r.Secret, Err: r.Err}
}

func resolutionFromWire(r resolution) backend.Resolution {
	return backend.Resolution{Value: valueOf(r.Value), JSON: r.JSON, ID: r.ID, Environment: r.Environment, Scope: r.Scope,
		Version: r.Version, Secret: r.Secret, Err: r.Err}
}

func bytesOf(v backend.Plaintext) *[]byte {
	if v.IsZero() {
		return nil
	}
	b := v.Expose()
	return &b
}

func valueOf(b *[]byte) backend.Plaintext {
	if b == nil {
		return backend.Plaintext{}
	}
	return backend.NewPlaintext(*b)
}

// convert returns the results of f for all items.
func convert[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, x := range in {
		out[i] = f(x)
	}
	return out
}
