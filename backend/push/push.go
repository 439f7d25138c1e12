// SPDX-License-Identifier: MPL-2.0

// Package push keeps checkpoints of the audit log outside the deployment: in a file, in a bucket with the API of S3, or
// at a webhook. There they show later that nobody has changed the log, or put an older copy of the database back.
//
// A [Target] says where. A [Pusher] makes checkpoints at regular times for a server. Before it sends one, the log must
// continue the last one that was sent, so that a target gets no checkpoint of a log that was changed. A webhook, and a
// bucket without the right to read, do not return the last one. A [Pusher] can have a copy of it in a file.
//
// # Limits
//
// The operator names the targets, never a caller. An address holds no credentials: the credentials of a bucket come
// from the AWS environment, and a webhook verifies the signature of the checkpoint. An address can be a secret, such as
// the address of some webhooks, so messages have only its host.
package push

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Target keeps checkpoints.
type Target interface {
	// Put stores a checkpoint, and returns where. name is for a target that keeps all of them.
	Put(ctx context.Context, name string, note []byte) (where string, err error)
	// Latest returns the checkpoint that was stored last, or nil without one. errNotReturned says that the target keeps
	// checkpoints and does not return them.
	Latest(ctx context.Context) ([]byte, error)
	// String names the target for messages, without what may be secret.
	String() string
}

var errNotReturned = errors.New("the target returns no checkpoints")

// putTime limits one call of a target over the network.
const putTime = 30 * time.Second

// latestName is the name of the copy of the last checkpoint, in a target that keeps all of them.
const latestName = "latest.txt"

// maxNote is the largest checkpoint that is read, in bytes.
const maxNote = 16 << 20

// Parse returns a target: a path or file:///PATH, s3://BUCKET/KEY, or the https:// address of a webhook. A path or a
// key that ends with / gets a new file for each checkpoint; any other one is replaced.
func Parse(text string) (Target, error) {
	scheme, rest, hasScheme := strings.Cut(text, "://")
	switch {
	case text == "":
		return nil, wrong(text, "it is empty")
	case !hasScheme && strings.HasPrefix(text, "file:"):
		return fileTarget{filepath.FromSlash(strings.TrimPrefix(text, "file:"))}, nil
	case !hasScheme:
		return fileTarget{text}, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, wrong(scheme, "it is not a valid URL") // the error of the parser shows all of it
	case u.User != nil:
		return nil, wrong(scheme, "it has a user or a password").
			WithHint("leave them out: a bucket takes the credentials of the AWS environment, a webhook none")
	case u.Fragment != "":
		return nil, wrong(scheme, "it has a fragment")
	}
	switch scheme {
	case "file":
		if u.Host != "" || u.RawQuery != "" || !strings.HasPrefix(rest, "/") {
			return nil, wrong(scheme, "it is not file:///PATH")
		}
		return fileTarget{filepath.FromSlash(u.Path)}, nil
	case "s3":
		return parseBucket(u)
	case "https", "http":
		if u.Host == "" || scheme == "http" && !backend.IsLoopback(u.Hostname()) {
			return nil, wrong(scheme, "plain HTTP is for this machine only").WithHint("use https://")
		}
		return webhook{u}, nil
	}
	return nil, wrong(scheme, "the scheme is not supported")
}

// wrong refuses a target. It shows the scheme only, because an address can be a secret.
func wrong(scheme, why string) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "the target of checkpoints %s is not valid: %s", backend.Quote(scheme),
		why).WithHint("use a path, file:///PATH, s3://BUCKET/KEY or https://HOST/PATH")
}

// webhook is a target that gets each checkpoint as the body of a POST.
type webhook struct{ url *url.URL }

func (w webhook) String() string { return w.url.Scheme + "://" + w.url.Host }

func (webhook) Latest(context.Context) ([]byte, error) { return nil, errNotReturned }

func (w webhook) Put(ctx context.Context, name string, note []byte) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), strings.NewReader(string(note)))
	if err != nil {
		return "", failed(w, err)
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	req.Header.Set("Pouncet-Checkpoint", name)
	_, status, err := send(req)
	switch {
	case err != nil:
		return "", failed(w, err)
	case status/100 != 2:
		return "", backend.Errorf(backend.CodeUnavailable, "%s has not accepted the checkpoint: status %d", w, status).
			WithHint("look at the log of that server; redirects are not followed")
	}
	return w.String(), nil
}

// client follows no redirect: the operator has named one address.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// send sends a request, and returns the answer.
func send(req *http.Request) (body []byte, status int, err error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxNote))
	return body, resp.StatusCode, err
}

// failed is the error of a target that could not be reached. It leaves out the address, which url.Error has.
func failed(t Target, err error) error {
	if wrapped, ok := err.(*url.Error); ok { //nolint:errorlint // the client returns it unwrapped
		err = wrapped.Err
	}
	return backend.Errorf(backend.CodeUnavailable, "sending the checkpoint to %s: %w", t, err).
		WithHint("check that the address can be reached from this machine")
}

// keyOf returns the key of a file below a key that ends with /.
func keyOf(prefix, name string) string { return strings.TrimPrefix(path.Join("/", prefix, name), "/") }
