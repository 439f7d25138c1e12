// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// ClientOptions configure a client.
type ClientOptions struct {
	Endpoint  string // base URL
	Token     string
	UserAgent string
	Timeout   time.Duration // limits one attempt; 0 means 30 s
	RetryMax  int           // attempts after the first; 0 means 4, negative none
	// CACertFile is a PEM file of certificate authorities to trust instead of the system's.
	CACertFile string
	// Waiting is called before a wait that the server asks for. Nil ignores it.
	Waiting   func(time.Duration)
	RetryWait time.Duration // the shortest wait between attempts, doubled each time up to 10 s; 0 means 200 ms
}

// maxRetryAfter is the longest wait that a server can ask for.
const maxRetryAfter = 30 * time.Second

// client is a Service that calls a server.
type client struct {
	options ClientOptions
	base    string
	http    *retryablehttp.Client
}

var _ backend.Service = (*client)(nil)

// NewClient returns a Service that forwards to a server. It does not connect yet.
func NewClient(o ClientOptions) (backend.Service, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, backend.Errorf(backend.CodeInvalid, "the endpoint is not the URL of a server").
			WithHint("write it as https://pouncet.example.com, without user, password or query").At("endpoint")
	}
	if u.Scheme == "http" && !backend.IsLoopback(u.Hostname()) {
		return nil, backend.Errorf(backend.CodeInvalid, "the endpoint %s is on another machine and not encrypted", u.Host).
			WithHint("use https").At("endpoint")
	}
	o.Token = strings.TrimSpace(o.Token) // a file or a variable often ends with a newline
	switch {
	case strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, backend.Errorf(backend.CodeUnauthenticated,
			"the token for %s is not valid: it has white space or another character that no token has", u.Host).
			WithHint("set POUNCET_TOKEN to one token, without quotes").At("token")
	case o.Token == "":
		return nil, backend.Errorf(backend.CodeUnauthenticated, "a token is required for %s", u.Host).
			WithHint("set POUNCET_TOKEN").At("token")
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.RetryMax == 0 {
		o.RetryMax = 4
	}
	if o.RetryWait == 0 {
		o.RetryWait = 200 * time.Millisecond
	}
	h := retryablehttp.NewClient()
	h.Logger = nil // it would write URLs and errors to standard error
	h.RetryMax = max(o.RetryMax, 0)
	h.RetryWaitMin, h.RetryWaitMax = o.RetryWait, 10*time.Second
	h.Backoff = func(least, most time.Duration, n int, resp *http.Response) time.Duration {
		// A server, or a proxy before it, can ask for any time.
		wait := min(retryablehttp.DefaultBackoff(least, most, n, resp), maxRetryAfter)
		if o.Waiting != nil && resp != nil && resp.Header.Get("Retry-After") != "" {
			o.Waiting(wait)
		}
		return wait
	}
	h.HTTPClient.Timeout = o.Timeout
	if o.CACertFile != "" {
		if err := trustOnly(h.HTTPClient, o.CACertFile); err != nil {
			return nil, err
		}
	}
	h.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.ErrorHandler = retryablehttp.PassthroughErrorHandler // the last response says more than "giving up"
	return &client{options: o, base: strings.TrimRight(u.String(), "/"), http: h}, nil
}

// trustOnly makes a client accept certificates of the authorities in a PEM file, and no others.
func trustOnly(c *http.Client, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return backend.Errorf(backend.CodeInvalid, "reading the certificate authorities: %w", err).At("ca_cert_file")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return backend.Errorf(backend.CodeInvalid, "%s holds no certificate", file).WithHint("it must be a PEM file").
			At("ca_cert_file")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	c.Transport = transport
	return nil
}

func (c *client) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	var out backend.Page
	err := call(ctx, c, "v1/query", q, &out)
	return out, err
}

func (c *client) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out := resolveResponse{Resolutions: make([]resolution, 0, len(refs))}
	if err := call(ctx, c, "v1/resolve", refsToWire(refs), &out); err != nil {
		return nil, err
	}
	if len(out.Resolutions) != len(refs) {
		return nil, c.unexpected("with %d resolutions for %d references", len(out.Resolutions), len(refs))
	}
	return resolutionsFromWire(out), nil
}

// Apply gives every set an idempotency key: if the response is lost after the change was made, the client sends the
// request again.
func (c *client) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	for _, change := range set.Changes {
		if err := change.CheckEncoding(); err != nil {
			return nil, err
		}
	}
	if set.IdempotencyKey == "" {
		set.IdempotencyKey = rand.Text()
	}
	var out applyResponse
	if err := call(ctx, c, "v1/apply", applyRequest{convert(set.Changes, toWire), set.DryRun, set.IdempotencyKey,
		set.FingerprintKey}, &out); err != nil {
		return nil, err
	}
	if len(out.Outcomes) != len(set.Changes) {
		return nil, c.unexpected("with %d outcomes for %d changes", len(out.Outcomes), len(set.Changes))
	}
	if out.Err != nil {
		return out.Outcomes, out.Err
	}
	return out.Outcomes, nil
}

// call posts a request and decodes the response into out; both bodies are JSON. If the response is incomplete or not
// from Pouncet, a proxy may have sent it or the server may have stopped, so call sends the request again a few times.
func call(ctx context.Context, c *client, path string, in, out any) error {
	const most = 2
	for n := 0; ; n++ {
		again, err := attempt(ctx, c, path, in, out)
		if !again || n >= min(most, c.http.RetryMax) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.options.RetryWait << n):
		}
	}
}

func attempt(ctx context.Context, c *client, path string, in, out any) (again bool, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return false, backend.Errorf(backend.CodeInvalid, "the request has a field with invalid JSON")
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, c.base+"/"+path, bytes.NewReader(body))
	if err != nil {
		return false, backend.Errorf(backend.CodeInvalid, "the endpoint %s cannot be used", c.base)
	}
	req.Header.Set("Authorization", "Bearer "+c.options.Token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set(versionHeader, strconv.Itoa(WireVersion))
	if refs, ok := in.(resolveRequest); ok && slices.ContainsFunc(refs.Refs, func(r ref) bool { return r.Reveal }) {
		req.Header.Set(revealHeader, "1")
	}
	if c.options.UserAgent != "" {
		req.Header.Set("User-Agent", c.options.UserAgent)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return false, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	text, err := readBody(resp)
	switch {
	case err != nil:
		return true, c.unexpected("with an incomplete body")
	case len(text) > maxBody:
		return false, c.unexpected("with more than %d bytes", maxBody)
	}
	if resp.StatusCode != http.StatusOK {
		if refused, ok := out.(*applyResponse); ok && json.Unmarshal(text, refused) == nil && refused.Outcomes != nil {
			return false, nil // the outcomes say which changes were refused
		}
		return false, c.failed(resp, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return true, c.unexpected("with a response that is not from Pouncet (status %d, %s)", resp.StatusCode,
			contentType(resp))
	}
	return false, nil
}

// readBody reads a body. It returns maxBody+1 bytes if the body is larger than maxBody.
func readBody(resp *http.Response) ([]byte, error) {
	if n := resp.ContentLength; n >= 0 && n <= maxBody {
		text := make([]byte, n)
		_, err := io.ReadFull(resp.Body, text)
		return text, err
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
}

func (c *client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// The library's error repeats the URL; its cause is enough.
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return backend.Errorf(backend.CodeUnavailable, "the server %s cannot be reached: %w", c.base, err).
		WithHint("check that it is running and that POUNCET_ENDPOINT is correct")
}

func (c *client) failed(resp *http.Response, text []byte) error {
	var body envelope
	if json.Unmarshal(text, &body) == nil && body.Error != nil && body.Error.Code != "" {
		return body.Error
	}
	e := c.unexpected("with status %d and a response that is not from Pouncet (%s)", resp.StatusCode, contentType(resp))
	e.Code = codeOf(resp.StatusCode)
	if e.Code == backend.CodeNotFound {
		e.Code = backend.CodeUnavailable // a missing path says nothing about entries
	}
	return e
}

func (c *client) unexpected(format string, args ...any) *backend.Error {
	e := backend.Errorf(backend.CodeUnavailable, "the server "+c.base+" answered "+format, args...)
	return e.WithHint("check POUNCET_ENDPOINT and any proxy before the server")
}

func contentType(resp *http.Response) string {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return "no content type"
	}
	return kind
}
