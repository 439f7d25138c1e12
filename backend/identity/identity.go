// SPDX-License-Identifier: MPL-2.0

// Package identity gets the identity token of a pipeline or pod, with which a client logs in to a server: from a
// variable, from a file that something else renews, or from GitHub Actions.
package identity

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The variables of a Source. Those of GitHub exist in a job with the permission "id-token: write".
const (
	VariableTrust        = "POUNCET_OIDC_TRUST"
	VariableToken        = "POUNCET_OIDC_TOKEN"
	VariableFile         = "POUNCET_OIDC_TOKEN_FILE"
	VariableAudience     = "POUNCET_OIDC_AUDIENCE"
	variableRequestURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	variableRequestToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// Variables lists the variables of Pouncet.
var Variables = []string{VariableTrust, VariableToken, VariableFile, VariableAudience}

// Source says where an identity token comes from. It is comparable.
type Source struct {
	Trust    string // the name of the trust; "" if only one accepts the token
	Token    string // the token itself
	File     string // a file with the token, which is read for each login
	Audience string // for GitHub; "" means the endpoint

	requestURL, requestToken string // of GitHub
}

// From returns the Source of variables.
func From(lookup func(name string) string) Source {
	return Source{Trust: lookup(VariableTrust), Token: lookup(VariableToken), File: lookup(VariableFile),
		Audience: lookup(VariableAudience), requestURL: lookup(variableRequestURL),
		requestToken: lookup(variableRequestToken)}
}

// IsAvailable reports whether there is a token, or somebody to ask for one. GitHub is asked only if a trust is named:
// the job may have the permission for another service.
func (s Source) IsAvailable() bool {
	return s.Token != "" || s.File != "" || s.Trust != "" && s.requestURL != "" && s.requestToken != ""
}

const (
	maxToken    = 16 << 10 // bytes
	requestTime = 10 * time.Second
	attempts    = 3
)

// Fetch returns an identity token for a server. No error holds it.
func (s Source) Fetch(ctx context.Context, endpoint string) (string, error) {
	switch {
	case s.Token != "":
		return strings.TrimSpace(s.Token), nil
	case s.File != "":
		return readFile(s.File)
	}
	audience := s.Audience
	if audience == "" {
		audience = endpoint
	}
	var err error
	for n := range attempts {
		var token string
		var again bool
		if token, again, err = s.ask(ctx, audience); err == nil || !again {
			return token, err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Second << n):
		}
	}
	return "", err
}

func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", backend.Errorf(backend.CodeInvalid, "reading the identity token: %w", err).
			WithHint("set %s to the file with the token", VariableFile)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	switch {
	case err != nil:
		return "", backend.Errorf(backend.CodeInvalid, "reading the identity token: %w", err)
	case len(text) > maxToken:
		return "", backend.Errorf(backend.CodeTooLarge, "the file %s is too large for an identity token", backend.Quote(name))
	}
	return strings.TrimSpace(string(text)), nil
}

// ask asks GitHub Actions for a token. again says that another attempt may succeed.
func (s Source) ask(ctx context.Context, audience string) (token string, again bool, err error) {
	u, err := url.Parse(s.requestURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && !backend.IsLoopback(u.Hostname()) {
		return "", false, backend.Errorf(backend.CodeInvalid, "%s is not a valid URL", variableRequestURL)
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", false, backend.Errorf(backend.CodeInvalid, "%s is not a valid URL", variableRequestURL)
	}
	req.Header.Set("Authorization", "Bearer "+s.requestToken)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		var wrapped *url.Error // it repeats the URL
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return "", true, backend.Errorf(backend.CodeUnavailable, "asking %s for an identity token: %w", u.Host, err)
	}
	defer resp.Body.Close()
	var out struct {
		Value string `json:"value"`
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 2*maxToken))
	if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(text, &out) != nil || out.Value == "" {
		return "", resp.StatusCode >= 500, backend.Errorf(backend.CodeUnavailable, "%s gave no identity token (status %d)",
			u.Host, resp.StatusCode).WithHint(`give the job the permission "id-token: write"`)
	}
	return out.Value, false, nil
}

// IsVariable reports whether a Source is made from a variable.
func IsVariable(name string) bool {
	return slices.Contains(Variables, name) || name == variableRequestURL || name == variableRequestToken
}

// Describe says where the token comes from.
func (s Source) Describe() string {
	from := "identity token of GitHub"
	switch {
	case s.Token != "":
		from = VariableToken
	case s.File != "":
		from = VariableFile
	}
	if s.Trust != "" {
		from += ", for trust " + s.Trust
	}
	return from
}
