// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"cmp"
	"context"
	"errors"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// resolveOneResponse is one resolved reference, for callers who can pick a field of
// JSON and look at a status, and no more: a webhook of External Secrets, curl
// and jq. They ask for a ref, whose kind may be left out for a secret.
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

// mistaken makes a project or an environment that does not exist an invalid
// call. The status says all that these callers look at, and one of them takes
// 404 for a secret that was deleted, and deletes its copy.
func asInvalid(err error) error {
	var e *backend.Error
	if !errors.As(err, &e) || e.Code != backend.CodeNotFound || e.Attribute != "environment" && e.Attribute != "project" {
		return err
	}
	invalid := *e
	invalid.Code = backend.CodeInvalid
	return &invalid
}
