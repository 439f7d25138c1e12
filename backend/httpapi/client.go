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
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/certificate"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

// ClientOptions configure a client.
type ClientOptions struct {
	Endpoint  string // base URL
	Token     string
	Identity  *Identity // without a token: how the client logs in
	UserAgent string
	Timeout   time.Duration // limits one attempt; 0 means 30 s
	RetryMax  int           // attempts after the first; 0 means 4, negative none
	// CACertFile is a PEM file of certificate authorities to trust instead of the system's.
	CACertFile string
	// ClientCertFile and ClientKeyFile are PEM files of a certificate and its private key, for a server that asks for
	// them. They are read for each connection, so that a renewed certificate is used.
	ClientCertFile, ClientKeyFile string
	// Traceparent is the header of the span that the client belongs to: see package trace. A header that is not valid is
	// ignored. The span of a call's context has priority.
	Traceparent string
	// Waiting is called before a wait that the server asks for. Nil ignores it.
	Waiting   func(time.Duration)
	RetryWait time.Duration // the shortest wait between attempts, doubled each time up to 10 s; 0 means 200 ms
}

// maxRetryAfter is the longest wait that a server can ask for.
const maxRetryAfter = 30 * time.Second

// client is a Service that calls a server.
type client struct {
	options ClientOptions
	to      target
	http    *retryablehttp.Client

	revisions revisions
	session   session
	// Of a client that logs in with its certificate:
	tls         *tls.Config
	connections *sessionTransport
}

var _ backend.Service = (*client)(nil)

// target is where a client connects to.
type target struct {
	base   string // of the URLs of requests
	socket string // the path of a Unix socket; "" for none
	shown  string // for messages about requests
	host   string // for messages about settings
}

// parseEndpoint returns the target that an endpoint names.
func parseEndpoint(endpoint string) (target, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.User != nil || u.RawQuery != "" || u.ForceQuery ||
		strings.Contains(endpoint, "#") {
		return target{}, errEndpoint()
	}
	switch {
	case u.Scheme == "unix" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return target{"http://localhost", u.Path, unixScheme + u.Path, unixScheme + u.Path}, nil
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return target{}, errEndpoint()
	case u.Scheme == "http" && !backend.IsLoopback(u.Hostname()):
		return target{}, backend.Errorf(backend.CodeInvalid, "the endpoint %s is on another machine and is not encrypted",
			u.Host).WithHint("use https").At("endpoint")
	}
	base := strings.TrimRight(u.String(), "/")
	return target{base, "", base, u.Host}, nil
}

// NormalizeEndpoint returns the one form of an endpoint that has several, for comparisons: scheme and host in lower
// case, without the default port and without a slash at the end. The error is the same as from NewClient.
func NormalizeEndpoint(endpoint string) (string, error) {
	to, err := parseEndpoint(endpoint)
	if err != nil || to.socket != "" {
		return to.shown, err
	}
	u, err := url.Parse(to.base)
	if err != nil {
		return "", errEndpoint()
	}
	u.Host = strings.ToLower(u.Host)
	if port := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]; strings.HasSuffix(u.Host, port) {
		u.Host = strings.TrimSuffix(u.Host, port)
	}
	return u.String(), nil
}

func errEndpoint() error {
	return backend.Errorf(backend.CodeInvalid, "the endpoint is not the URL of a server").
		WithHint("write it as https://pouncet.example.com, without user, password, query or fragment; " +
			"for a Unix socket, write unix:///PATH").At("endpoint")
}

// NewClient returns a Service that forwards to a server. It does not connect yet.
func NewClient(o ClientOptions) (backend.Service, error) { return newClient(o) }

func newClient(o ClientOptions) (*client, error) {
	to, err := parseEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	o.Token = strings.TrimSpace(o.Token) // a file or a variable often ends with a newline
	switch {
	case strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, backend.Errorf(backend.CodeUnauthenticated,
			"the token for %s is not valid: it has white space or another character that no token has", to.host).
			WithHint("set POUNCET_TOKEN to one token, without quotes").At("token")
	case o.Token == "" && o.Identity == nil:
		return nil, backend.Errorf(backend.CodeUnauthenticated, "a token is required for %s", to.host).
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
	h.CheckRetry = func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		if isRefusedHandshake(err) || isTimeout(err) && timeoutsOf(ctx).Add(1) == maxTimeouts {
			return false, err
		}
		return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
	}
	h.HTTPClient.Timeout = o.Timeout
	config, err := clientTLS(o)
	if err != nil {
		return nil, err
	}
	c := &client{options: o, to: to, http: h}
	switch {
	case o.Identity.byCertificate():
		if o.ClientCertFile == "" || !strings.HasPrefix(to.base, "https:") {
			return nil, errNoClientCertificate(to.host)
		}
		c.tls, c.connections = config, &sessionTransport{}
		h.HTTPClient.Transport = c.connections
	case config != nil || to.socket != "":
		h.HTTPClient.Transport = transport(config, to.socket)
	}
	h.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.ErrorHandler = retryablehttp.PassthroughErrorHandler // the last response says more than "giving up"
	return c, nil
}

func errNoClientCertificate(host string) error {
	return backend.Errorf(backend.CodeUnauthenticated, "the login at %s requires a client certificate, and TLS", host).
		WithHint("set POUNCET_CLIENT_CERT and POUNCET_CLIENT_KEY, and use an endpoint with https").At("client_cert_file")
}

// clientTLS returns the settings of TLS, or nil for the settings of the system.
func clientTLS(o ClientOptions) (*tls.Config, error) {
	if o.CACertFile == "" && o.ClientCertFile == "" && o.ClientKeyFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CACertFile != "" {
		pool, err := certificate.Authorities(o.CACertFile)
		if err != nil {
			return nil, backend.AsError(err).At("ca_cert_file")
		}
		config.RootCAs = pool
	}
	switch {
	case o.ClientCertFile == "" && o.ClientKeyFile == "":
		return config, nil
	case o.ClientKeyFile == "":
		return nil, backend.Errorf(backend.CodeInvalid, "a client certificate is set without its private key").
			WithHint("set POUNCET_CLIENT_KEY").At("client_key_file")
	case o.ClientCertFile == "":
		return nil, backend.Errorf(backend.CodeInvalid, "a private key is set without its client certificate").
			WithHint("set POUNCET_CLIENT_CERT").At("client_cert_file")
	}
	if _, err := certificate.Load(o.ClientCertFile, o.ClientKeyFile); err != nil {
		return nil, backend.AsError(err).At("client_cert_file")
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return certificate.Load(o.ClientCertFile, o.ClientKeyFile)
	}
	return config, nil
}

// transport returns a transport with the settings of TLS, or one that connects to a Unix socket.
func transport(config *tls.Config, socket string) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = config
	if socket != "" {
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
	}
	return t
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
	in := applyRequest{Changes: convert(set.Changes, toWire), DryRun: set.DryRun, IdempotencyKey: set.IdempotencyKey,
		FingerprintKey: set.FingerprintKey}
	if set.Draft != "" {
		in.Draft = &set.Draft
	}
	var out applyResponse
	if err := call(ctx, c, "v1/apply", in, &out); err != nil {
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

// call posts a request and decodes the response into out; both bodies are JSON. A client with an identity logs in
// first, and once again if the server does not accept its session any more.
func call(ctx context.Context, c *client, path string, in, out any) error {
	token, err := c.bearer(ctx)
	if err != nil {
		return err
	}
	err = callWith(ctx, c, path, token, in, out)
	if err == nil || !c.refused(token, err) {
		return err
	}
	if token, err = c.bearer(ctx); err != nil {
		return err
	}
	return callWith(ctx, c, path, token, in, out)
}

// maxTimeouts is how many attempts of a request end without an answer in time, before the client gives up: a server or
// a network that hangs is no better for the next one.
const maxTimeouts = 2

// timeoutsKey is the key of the number of attempts of a request that got no answer in time.
type timeoutsKey struct{}

func timeoutsOf(ctx context.Context) *atomic.Int32 {
	if n, ok := ctx.Value(timeoutsKey{}).(*atomic.Int32); ok {
		return n
	}
	return new(atomic.Int32)
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// callWith is call with a token, or with none. If the response is incomplete or not
// from Pouncet, a proxy may have sent it or the server may have stopped, so it sends the request again a few times.
func callWith(ctx context.Context, c *client, path, token string, in, out any) error {
	const most = 2
	for n := 0; ; n++ {
		again, err := attempt(ctx, c, path, token, in, out)
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

func attempt(ctx context.Context, c *client, path, token string, in, out any) (again bool, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return false, backend.Errorf(backend.CodeInvalid, "the request has a field with invalid JSON")
	}
	counted := context.WithValue(ctx, timeoutsKey{}, new(atomic.Int32))
	req, err := retryablehttp.NewRequestWithContext(counted, http.MethodPost, c.to.base+"/"+path, bytes.NewReader(body))
	if err != nil {
		return false, backend.Errorf(backend.CodeInvalid, "the endpoint %s cannot be used", c.to.shown)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set(versionHeader, strconv.Itoa(WireVersion))
	presented, revision := c.revisions.present()
	req.Header.Set(revisionHeader, revision)
	if refs, ok := in.(resolveRequest); ok && slices.ContainsFunc(refs.Refs, func(r ref) bool { return r.Reveal }) {
		req.Header.Set(revealHeader, "1")
	}
	if span, ok := trace.From(ctx); ok {
		req.Header.Set(trace.Header, span.String())
	} else if _, ok := trace.Parse(c.options.Traceparent); ok {
		req.Header.Set(trace.Header, c.options.Traceparent)
	}
	if c.options.UserAgent != "" {
		req.Header.Set("User-Agent", c.options.UserAgent)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return false, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	c.revisions.keep(resp.Header.Get(revisionHeader), presented)
	text, err := readBody(resp)
	switch {
	case err != nil:
		return true, c.unexpected("with an incomplete body")
	case len(text) > maxBody:
		return false, c.unexpected("with more than %d bytes", maxBody)
	}
	if resp.StatusCode != http.StatusOK {
		refused, ok := out.(*applyResponse)
		if ok && resp.StatusCode != http.StatusUnauthorized && // which is about the caller, who may log in again
			json.Unmarshal(text, refused) == nil && refused.Outcomes != nil {
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
	if isTimeout(err) {
		return backend.Errorf(backend.CodeUnavailable, "the server %s does not answer: %d attempts of %s got no response",
			c.to.shown, min(maxTimeouts, c.http.RetryMax+1), c.options.Timeout).
			WithHint("check that the server and the network before it are well, and try again")
	}
	e := backend.Errorf(backend.CodeUnavailable, "the server %s cannot be reached: %w", c.to.shown, err)
	var untrusted *tls.CertificateVerificationError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return e.WithHint("renew the certificate of the server, or correct the clock of this machine")
	case errors.As(err, &untrusted):
		return e.WithHint("name the certificate authority of the server with POUNCET_CACERT")
	case isRefusedHandshake(err) && c.options.ClientCertFile == "":
		return e.WithHint("the server may ask for a client certificate: set POUNCET_CLIENT_CERT and POUNCET_CLIENT_KEY")
	case isRefusedHandshake(err):
		return e.WithHint("check that the server trusts the authority of the client certificate %s, and that it has not "+
			"expired", c.options.ClientCertFile)
	}
	return e.WithHint("check that it is running and that POUNCET_ENDPOINT is correct")
}

// isRefusedHandshake reports whether the server has ended the connection with an alert of TLS, such as for a client
// without a certificate. Another attempt would end in the same way.
func isRefusedHandshake(err error) bool {
	var e *net.OpError
	return errors.As(err, &e) && e.Op == "remote error" // what crypto/tls calls an alert of the other side
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
	e := backend.Errorf(backend.CodeUnavailable, "the server %s answered "+format,
		append([]any{c.to.shown}, args...)...)
	return e.WithHint("check POUNCET_ENDPOINT and any proxy before the server")
}

func contentType(resp *http.Response) string {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return "no content type"
	}
	return kind
}
