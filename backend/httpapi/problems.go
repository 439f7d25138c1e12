// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Problems returns the problems that the server of a client reports: see Options.Problems. It makes one attempt.
func Problems(ctx context.Context, s backend.Service) ([]error, error) {
	c, ok := s.(*client)
	if !ok {
		return nil, backend.Errorf(backend.CodeInternal, "the service is not a client of a server")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.to.base+"/readyz", nil)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the endpoint %s cannot be used", c.to.shown)
	}
	req.Header.Set("Authorization", "Bearer "+c.options.Token)
	resp, err := c.http.HTTPClient.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	text, err := readBody(resp)
	var out readiness
	if err != nil || json.Unmarshal(text, &out) != nil || out.Status == "" {
		return nil, c.unexpected("with a response that is not from Pouncet (status %d, %s)", resp.StatusCode,
			contentType(resp))
	}
	var problems []error
	for _, p := range out.Problems {
		problems = append(problems, p)
	}
	if out.Status != statusReady && len(problems) == 0 {
		problems = append(problems, backend.Errorf(backend.CodeUnavailable, "the server %s is not ready", c.to.shown).
			WithHint("look at the log of the server"))
	}
	return problems, nil
}
