// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"cmp"
	"context"
	"errors"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// resolveOneResponse is one resolved reference, for clients that can only check a status and read a field of JSON: the
// webhook provider of External Secrets, or curl with jq. They send a ref. If it has no kind, it means a secret.
type resolveOneResponse struct {
	Value       *string `json:"value,omitempty"` // absent if the value is not text
	ValueBase64 []byte  `json:"value_base64"`
	JSON        bool    `json:"is_json"`
	ID          string  `json:"id"`
	Environment string  `json:"environment"`
	Scope       string  `json:"scope"`
	Version     int64   `json:"version"`
}

func (s *server) resolveOne(ctx context.Context, in ref) (resolveOneResponse, error) {
	if in.Probe {
		return resolveOneResponse{}, backend.Errorf(backend.CodeInvalid, "a probe has no value to return").
			WithHint("send it to /v1/resolve").At("probe")
	}
	in.Kind = cmp.Or(in.Kind, backend.KindSecret)
	out, err := s.service.Resolve(ctx, []backend.Ref{backend.Ref(in)})
	if err != nil {
		return resolveOneResponse{}, asInvalid(err)
	}
	r := out[0]
	if r.Err != nil {
		return resolveOneResponse{}, asInvalid(r.Err)
	}
	bytes := r.Value.Expose()
	answer := resolveOneResponse{ValueBase64: bytes, JSON: r.JSON, ID: r.ID, Environment: r.Environment, Scope: r.Scope,
		Version: r.Version}
	if utf8.Valid(bytes) {
		text := string(bytes)
		answer.Value = &text
	}
	return answer, nil
}

// asInvalid returns ErrInvalid instead of ErrNotFound if the project or the environment does not exist. These clients
// only check the status, and External Secrets can delete its copy of a secret after a 404.
func asInvalid(err error) error {
	var e *backend.Error
	if !errors.As(err, &e) || e.Code != backend.CodeNotFound || e.Attribute != "environment" && e.Attribute != "project" {
		return err
	}
	invalid := *e
	invalid.Code = backend.CodeInvalid
	return &invalid
}
